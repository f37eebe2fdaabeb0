"""The errors of what a user typed, and of what that points at.

Alone, since commands that call no connector must not wait for gRPC to load.
"""

__all__ = ["CannotLoad", "TargetError", "UsageError"]


class UsageError(Exception):
    """What the user typed cannot be done; the message says what was given, what was expected, what to do."""


class CannotLoad(UsageError):
    """A connector was found, and its code cannot be loaded: nothing can be said about it."""


class TargetError(Exception):
    """The target cannot be reached or started: nothing can be said about it."""
