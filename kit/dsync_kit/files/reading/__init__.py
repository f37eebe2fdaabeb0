"""A log as it was at a number: snapshots, partitions, pages."""
