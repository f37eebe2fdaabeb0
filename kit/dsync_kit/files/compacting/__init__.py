"""Compaction: which files, how, and when."""
