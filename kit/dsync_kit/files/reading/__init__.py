"""Reading a log: snapshots, partitions, and pages."""
