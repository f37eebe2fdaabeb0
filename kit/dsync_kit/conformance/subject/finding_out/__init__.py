"""Finds out what GetInfo does not report, by trying."""
