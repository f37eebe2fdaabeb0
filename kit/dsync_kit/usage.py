"""Errors about what a user typed, and about the target that it names.

This module imports nothing: commands that call no connector must not wait for gRPC to load.
"""

__all__ = ["CannotLoad", "TargetError", "UsageError"]


class UsageError(Exception):
    """The user's request is impossible. The message says what was given, what was expected and what to do."""


class CannotLoad(UsageError):
    """A connector was found, but its code cannot be loaded, so it cannot be judged."""


class TargetError(Exception):
    """The target cannot be reached or started, so it cannot be judged."""
