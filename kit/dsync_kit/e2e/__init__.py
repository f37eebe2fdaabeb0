"""Copies and follows changes between two connectors while parts of the flow are killed, and compares both ends."""
