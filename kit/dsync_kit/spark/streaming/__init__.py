"""A stream of updates: its offsets, its reader, and what follows StreamUpdates on the driver."""
