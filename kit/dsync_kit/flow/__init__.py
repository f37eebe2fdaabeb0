"""Moves data from a source to a sink as dsync does: plan, copy, stream, resume. It emits events, and prints nothing."""
