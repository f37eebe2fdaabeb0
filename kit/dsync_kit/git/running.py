"""Runs git without locks that block other git commands, questions on a terminal, or messages in several languages."""

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from dsync_kit.usage import UsageError

__all__ = ["run_git"]

_ALWAYS = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


def run_git(
    folder: Path, *words: str, environ: Mapping[str, str], without: Callable[[str], bool]
) -> "subprocess.CompletedProcess[str]":
    """Run git in a folder. In its output, bytes that are not UTF-8 become lone surrogates.

    It gets this process's environment without the variables that `without` is true for, and those in `environ`. Raises
    UsageError if git is not installed.
    """
    inherited = {name: value for name, value in os.environ.items() if not without(name)}
    try:
        return subprocess.run(  # noqa: S603 - no shell reads the words
            ["git", "-C", str(folder), *words],  # noqa: S607 - the user's own git
            env={**inherited, **_ALWAYS, **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="surrogateescape",
            check=False,
        )
    except FileNotFoundError as error:
        raise UsageError("git is not installed, or not on the PATH: dsync-kit needs it here") from error
