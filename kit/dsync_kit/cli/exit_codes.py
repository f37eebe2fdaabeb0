"""The one place where exceptions become exit codes."""

import atexit
import errno
import gc
import os
import sys
import traceback
from collections.abc import Callable
from enum import IntEnum

from dsync_kit.output.plain import printable_lines
from dsync_kit.output.streams import lost, open_streams

__all__ = ["ExitCode", "exit_code_of", "say_error"]


class ExitCode(IntEnum):
    """The exit codes of all commands."""

    OK = 0
    """Success; for `verify`: conformant."""
    VIOLATED = 1
    """A MUST rule is violated, or with --strict a SHOULD rule."""
    USAGE = 2
    """The user made an impossible request."""
    NOT_JUDGED = 3
    """The connector could not be judged: it, its backend or the kit broke, or nothing was exercised. Or it was judged,
    but a report could not be written."""
    INTERRUPTED = 130
    """Ended by Ctrl-C."""


def exit_code_of(command: Callable[[], object]) -> int:
    """Run a command; returns its exit code. An error is printed on stderr.

    If a command returns or ends with an ExitCode, that is a verdict: neither a closed pipe nor a full disk changes it.
    A command without a verdict is successful unless its output gets lost.
    """
    # At its end, Python visits all objects once more, which takes as long as importing many of them.
    atexit.register(gc.freeze)
    open_streams()
    answer = _answer(command)
    code = answer if isinstance(answer, int) else ExitCode.OK
    loss = lost()
    if loss is not None and code != ExitCode.NOT_JUDGED:
        say_error(f"standard output cannot be written: {loss.strerror}")
        if code == ExitCode.OK and not isinstance(answer, ExitCode):
            code = ExitCode.NOT_JUDGED
    return code


def _answer(command: Callable[[], object]) -> object:
    """What the command returns or ends with; an exit code if it fails."""
    try:
        nul = next((word for word in sys.argv[1:] if "\0" in word), None)
        if nul is not None:
            return _said(f"an argument holds a NUL character: {_without_secrets(nul)}", ExitCode.USAGE)
        return command()
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except SystemExit as ended:
        return _ended(ended)
    except Exception as error:
        return _explained(error)


def _ended(ended: SystemExit) -> object:
    """The exit code of a command that was ended by Typer, or by a connector that called sys.exit."""
    cause = ended.__context__
    while type(cause).__name__ == "Abort":
        cause = cause.__context__ if cause else None
    if type(cause).__module__.partition(".")[0] in ("typer", "click"):
        return ended.code
    if isinstance(cause, Exception):
        # For a broken pipe or the end of input, Typer's own code would be 1: a violated rule.
        return _explained(cause)
    return _said(f"a connector's code ended the command with sys.exit({ended.code!r})", ExitCode.NOT_JUDGED)


def _explained(error: Exception) -> ExitCode:
    # Only after an error: --help must not wait for grpc and pydantic.
    from dsync_kit.errors import ConnectorError, UsageError
    from dsync_kit.report.files import ReportError
    from dsync_kit.usage import TargetError

    if isinstance(error, UsageError):
        return _said(str(error), ExitCode.USAGE)
    if isinstance(error, TargetError | ConnectorError | ReportError):
        return _said(str(error), ExitCode.NOT_JUDGED)
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        # Whatever accessed the path: only one that the user typed can be too long.
        name = _without_secrets(os.fsdecode(error.filename or ""))
        return _said(f"the path is longer than the system allows: {_shortened(name)}", ExitCode.USAGE)
    # Python's own exit code, 1, would mean a violated rule.
    print(printable_lines(_without_secrets("".join(traceback.format_exception(error)))), file=sys.stderr)
    return _said(f"dsync-kit itself failed: {type(error).__name__}", ExitCode.NOT_JUDGED)


def say_error(message: str) -> None:
    """Print an error on stderr, as plain text whatever the message contains."""
    print(f"error: {printable_lines(message)}", file=sys.stderr, flush=True)


def _said(message: str, code: ExitCode) -> ExitCode:
    say_error(message)
    return code


def _shortened(name: str) -> str:
    return name if len(name) <= 80 else f"{name[:60]}… ({len(name):,} characters)"


def _without_secrets(text: str) -> str:
    """The text without secrets that the user typed."""
    from dsync_kit.output.redaction import typed_secrets

    for secret in typed_secrets(sys.argv[1:]):
        text = text.replace(secret, "***")
    return text
