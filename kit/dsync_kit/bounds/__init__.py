"""Limits on a run: time limits for calls, and processes and folders that end with the run."""
