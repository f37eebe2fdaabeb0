"""A server process that never outlives its owner."""

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from dsync_kit.bounds.guarded import GuardedProcess
from dsync_kit.errors import UsageError

__all__ = ["OwnedProcess", "find_program", "running_as"]


def find_program(name: str, *, package: str) -> str:
    """The path of a server's program: beside this interpreter, or on PATH.

    Raises UsageError if it is not installed; `package` is the one to install with pip.
    """
    beside = Path(sys.executable).parent / name
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which(name)
    if found is None:
        raise UsageError(f"the program {name!r} is not installed: run pip install {package}")
    return found


# subprocess can change the user, but only forks then, and gRPC's handlers of a fork may crash the child.
_AS_USER = """
import os, sys
uid, gid, *command = sys.argv[1:]
os.setgroups([])
os.setgid(int(gid))
os.setuid(int(uid))
os.execv(command[0], command)
"""


def running_as(user: str | None, command: Sequence[str | Path]) -> list[str]:
    """The command that runs a program, given by its path, as a user without the current user's rights.

    The command itself for None.
    """
    words = list(map(str, command))
    if user is None:
        return words
    entry = pwd.getpwnam(user)
    return [sys.executable, "-ISc", _AS_USER, str(entry.pw_uid), str(entry.pw_gid), *words]


class OwnedProcess:
    """A process in its own process group, whose output goes to the file `log`.

    It ends with `stop`, when the interpreter exits, and when this process is killed with SIGKILL. It works in `cwd`
    and runs as `user`, if they are given.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        environ: Mapping[str, str],
        cwd: Path | None = None,
        user: str | None = None,
    ) -> None:
        self.log = log
        with log.open("wb") as output:
            self._process = GuardedProcess(
                running_as(user, command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environ),
                cwd=cwd,
            )
        atexit.register(self.stop)

    @property
    def pid(self) -> int:
        """The process id, which is also the id of its group."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is still running."""
        return self._process.running

    @property
    def status(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        return self._process.status

    def last_words(self, lines: int = 5) -> str:
        """The end of the output, for an error message."""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])

    def stop(self, *, grace: float = 5.0) -> None:
        """End it with SIGTERM, and after `grace` seconds with SIGKILL. Calling it again does nothing."""
        atexit.unregister(self.stop)
        self._process.end(grace=grace)

    def kill(self) -> None:
        """End it at once with SIGKILL, as a crash does."""
        self._process.signal(signal.SIGKILL)
        self.stop()
