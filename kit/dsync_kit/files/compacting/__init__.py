"""Compaction: which files are merged, how, and when."""
