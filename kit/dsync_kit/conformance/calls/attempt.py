"""A call whose answer is waited for so long, and no longer."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Attempt"]

T = TypeVar("T")


class Attempt(Generic[T]):
    """A call that is being made, in a thread, so that waiting for its answer can end."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._answers: list[T] = []
        self.error: Exception | None = None
        """What the call raised."""
        self._thread = threading.Thread(target=self._run, daemon=True, name="attempt")
        self._thread.start()

    def ends(self, seconds: float) -> bool:
        """Whether the call ends within `seconds` from now, with an answer or an error."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def answer(self) -> T:
        """What a call that has ended gave. Raises what it raised."""
        if self.error is not None:
            raise self.error
        return self._answers[0]

    def _run(self) -> None:
        try:
            self._answers.append(self._call())
        except Exception as error:
            self.error = error
