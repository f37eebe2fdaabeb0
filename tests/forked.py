"""`dsync-kit` for tests of what it prints and how it ends: each command is a copy of a process that has imported it.

A start takes a third of a second of processor time, most of it for imports; a copy takes a tenth of that. They differ
only in what Python itself reads when it starts: streams that are closed or are no pipes, variables such as
PYTHONIOENCODING, and the order of imports. Tests of those start a process.
"""

import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

__all__ = ["Forked"]

_PRELOADED = ("ci", "kit", "replay", "run", "schema", "serve", "sweep", "verify")


class Forked:
    """The process that is copied. It starts with the first command, and ends when the context does."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._requests: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(
        self, words: Sequence[str], *, cwd: Path, env: Mapping[str, str], timeout: float = 120
    ) -> "subprocess.CompletedProcess[str]":
        """Run `dsync-kit` with these words, like `subprocess.run` with `capture_output`."""
        with contextlib.ExitStack() as stack:
            pipes = [os.pipe() for _ in range(3)]
            read = [stack.enter_context(open(reading, "rb", buffering=0)) for reading, _ in pipes]  # noqa: PTH123
            try:
                self._request([writing for _, writing in pipes], words=words, cwd=str(cwd), env=dict(env))
            finally:
                for _, writing in pipes:
                    os.close(writing)
            stdout, stderr, status = self._read(read, words, timeout)
        return subprocess.CompletedProcess(words, int(status.split()[1]), stdout.decode(), stderr.decode())

    def _request(self, files: list[int], **asked: Any) -> None:
        if self._requests is None:
            self._requests, theirs = socket.socketpair()
            with theirs:
                command = [sys.executable, "-P", __file__, str(theirs.fileno())]
                self._stack.enter_context(
                    subprocess.Popen(
                        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, pass_fds=[theirs.fileno()]
                    )
                )
            self._stack.callback(self._requests.close)
        text = json.dumps(asked).encode()
        socket.send_fds(self._requests, [len(text).to_bytes(8)], files)
        self._requests.sendall(text)

    @staticmethod
    def _read(files: list[Any], words: Sequence[str], timeout: float) -> list[bytes]:
        """What comes from all files until each has ended."""
        found = dict.fromkeys(files, b"")
        deadline = time.monotonic() + timeout
        with selectors.DefaultSelector() as open_files:
            for file in files:
                open_files.register(file, selectors.EVENT_READ)
            while open_files.get_map():
                ready = open_files.select(deadline - time.monotonic())
                if not ready:
                    os.kill(int(found[files[-1]].split()[0]), signal.SIGKILL)
                    raise subprocess.TimeoutExpired(words, timeout, found[files[0]], found[files[1]])
                for key, _ in ready:
                    part = os.read(key.fd, 1 << 16)
                    found[key.fileobj] += part
                    if not part:
                        open_files.unregister(key.fileobj)
        return [found[file] for file in files]


def _copied(requests: socket.socket) -> dict[str, Any] | None:
    """Wait for requests, and make a copy for each. Returns None at their end; in a copy, what was requested of it."""
    while True:
        size, files, _, _ = socket.recv_fds(requests, 8, 3)
        with contextlib.suppress(ChildProcessError):  # there is none
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not size:
            return None
        with requests.makefile("rb", buffering=0) as rest:
            asked = json.loads(_exactly(rest, int.from_bytes(size)))
        if os.fork() == 0:
            requests.close()
            _wait_for_copy(files)
            return asked
        for file in files:
            os.close(file)


def _exactly(file: Any, size: int) -> bytes:
    found = b""
    while len(found) < size:
        found += file.read(size - len(found))
    return found


def _wait_for_copy(files: list[int]) -> None:
    """Report the process id and then the status of a copy. Returns in the copy alone, which has these files."""
    stdout, stderr, status = files
    if (pid := os.fork()) == 0:
        os.dup2(stdout, 1)
        os.dup2(stderr, 2)
        for file in files:
            os.close(file)
        return
    os.close(stdout)
    os.close(stderr)
    os.write(status, f"{pid} ".encode())
    os.write(status, str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())
    os._exit(0)


def _main() -> None:
    for name in _PRELOADED:
        importlib.import_module(f"dsync_kit.cli.{name}")
    from dsync_kit.cli.kit import main

    gc.freeze()  # a copy that collected garbage would write to every object, and so copy its memory
    with socket.socket(fileno=int(sys.argv[1])) as requests:
        asked = _copied(requests)
    if asked is not None:
        os.chdir(asked["cwd"])
        os.environ.clear()
        os.environ.update(asked["env"])
        sys.path.insert(0, asked["cwd"])
        sys.argv = ["dsync-kit", *asked["words"]]
        main()


if __name__ == "__main__":
    _main()
