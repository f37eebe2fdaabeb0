"""One source to one sink, as dsync does it: plan, copy, stream, resume. It prints nothing: listeners get its events."""
