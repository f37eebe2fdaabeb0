"""Stores for files: what the code needs from a store, buckets, and local folders."""
