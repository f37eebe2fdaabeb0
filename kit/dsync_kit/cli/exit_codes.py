"""The one place where exceptions become exit codes."""

import errno
import os
import sys
import traceback
from collections.abc import Callable
from enum import IntEnum

from dsync_kit.output.plain import printable_lines
from dsync_kit.output.streams import lost, open_streams

__all__ = ["ExitCode", "exit_code_of", "say_error"]


class ExitCode(IntEnum):
    """What a command ends with."""

    OK = 0
    """Done; for `verify`: conformant."""
    VIOLATED = 1
    """A MUST rule is violated; with --strict a SHOULD rule, too."""
    USAGE = 2
    """What was typed cannot be done."""
    NOT_JUDGED = 3
    """The connector could not be judged: it, its backend or the kit broke, or nothing was exercised. Or it was, and a
    report that was asked for cannot be written."""
    INTERRUPTED = 130
    """Ended by Ctrl-C."""


def exit_code_of(command: Callable[[], object]) -> int:
    """Run a command; an error is said on stderr, and becomes its exit code.

    Returns what the command returns, or ends with, where that is an exit code, else OK. An ExitCode is a verdict, which
    holds whether or not it can be read: neither a closed pipe nor a full disk changes it. All that a command without a
    verdict has is its output: where that gets lost, it has failed.
    """
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
    """What the command returns or ends with, as an exit code where it fails."""
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
    """The exit code of a command that Typer has ended, or somebody else's code has tried to end."""
    cause = ended.__context__
    while type(cause).__name__ == "Abort":
        cause = cause.__context__ if cause else None
    if type(cause).__module__.partition(".")[0] in ("typer", "click"):
        return ended.code
    if isinstance(cause, Exception):
        # Typer would end a broken pipe and the end of an input with 1, which says that a rule is violated.
        return _explained(cause)
    return _said(f"a connector's code ended the command with sys.exit({ended.code!r})", ExitCode.NOT_JUDGED)


def _explained(error: Exception) -> ExitCode:
    # Not before there is an error: --help would wait for grpc and pydantic.
    from dsync_kit.errors import ConnectorError, UsageError
    from dsync_kit.report.files import ReportError
    from dsync_kit.usage import TargetError

    if isinstance(error, UsageError):
        return _said(str(error), ExitCode.USAGE)
    if isinstance(error, TargetError | ConnectorError | ReportError):
        return _said(str(error), ExitCode.NOT_JUDGED)
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        # Wherever a path is first looked at: only one that was typed can be too long.
        name = _without_secrets(os.fsdecode(error.filename or ""))
        return _said(f"the path is longer than the system allows: {_shortened(name)}", ExitCode.USAGE)
    # Python's own exit code for it, 1, would say that the connector violates a rule.
    print(printable_lines(_without_secrets("".join(traceback.format_exception(error)))), file=sys.stderr)
    return _said(f"dsync-kit itself failed: {type(error).__name__}", ExitCode.NOT_JUDGED)


def say_error(message: str) -> None:
    """Say on stderr what has gone wrong, in plain text whatever the message holds."""
    print(f"error: {printable_lines(message)}", file=sys.stderr, flush=True)


def _said(message: str, code: ExitCode) -> ExitCode:
    say_error(message)
    return code


def _shortened(name: str) -> str:
    return name if len(name) <= 80 else f"{name[:60]}… ({len(name):,} characters)"


def _without_secrets(text: str) -> str:
    """The text without the secrets that were typed."""
    from dsync_kit.output.redaction import typed_secrets

    for secret in typed_secrets(sys.argv[1:]):
        text = text.replace(secret, "***")
    return text
