"""The error for what a user typed; alone, since commands that call no connector must not wait for gRPC to load."""

__all__ = ["CannotLoad", "UsageError"]


class UsageError(Exception):
    """What the user typed cannot be done; the message says what was given, what was expected, what to do."""


class CannotLoad(UsageError):
    """A connector was found, and its code cannot be loaded: nothing can be said about it."""
