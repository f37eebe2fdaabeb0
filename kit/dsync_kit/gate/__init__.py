"""Finds the connectors that a change touches, for `dsync-kit ci`."""
