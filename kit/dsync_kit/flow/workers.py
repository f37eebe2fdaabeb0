"""Worker threads that do not keep the process alive."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self, TypeVar

__all__ = ["Workers"]

T = TypeVar("T")


class Workers:
    """`count` threads; unlike those of concurrent.futures they are daemons, so a call that never returns does not keep
    the process alive. Leaving the context waits for submitted calls, unless an exception leaves it."""

    def __init__(self, count: int, name: str) -> None:
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True) for number in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, call: Callable[..., T], *arguments: Any) -> Future[T]:
        """Make the call in one of the threads; the future gets its result or exception."""
        future: Future[T] = Future()

        def task() -> None:
            try:
                result = call(*arguments)
            except BaseException as error:  # raised to whoever asks for the result
                future.set_exception(error)
            else:
                future.set_result(result)

        self._tasks.put(task)
        return future

    def close(self) -> None:
        """Accept no more calls. Does not wait for the submitted ones."""
        for _ in self._threads:
            self._tasks.put(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
        if kind is None:
            for thread in self._threads:
                thread.join()

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()
