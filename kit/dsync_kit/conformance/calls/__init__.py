"""Calls a connector as dsync does, and records the calls."""
