"""The one place where exceptions become exit codes."""

import sys
import traceback
from collections.abc import Callable
from enum import IntEnum

__all__ = ["ExitCode", "exit_code_of"]


class ExitCode(IntEnum):
    """What a command ends with."""

    OK = 0
    """Done; for `verify`: conformant."""
    VIOLATED = 1
    """A MUST rule is violated; with --strict a SHOULD rule, too."""
    USAGE = 2
    """What was typed cannot be done."""
    NOT_JUDGED = 3
    """The connector could not be judged: it, its backend or the kit broke, or nothing was exercised."""
    INTERRUPTED = 130
    """Ended by Ctrl-C."""


def exit_code_of(command: Callable[[], object]) -> int:
    """Run a command; an error is said on stderr, and becomes its exit code.

    Returns what the command returns where that is an exit code, else OK. SystemExit passes through.
    """
    try:
        answer = command()
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:
        return _explained(error)
    return answer if isinstance(answer, int) else ExitCode.OK


def _explained(error: Exception) -> ExitCode:
    # Not before there is an error: --help would wait for grpc and pydantic.
    from dsync_kit.errors import ConnectorError, UsageError
    from dsync_kit.targets.target import TargetError

    if isinstance(error, UsageError):
        return _said(str(error), ExitCode.USAGE)
    if isinstance(error, TargetError | ConnectorError):
        return _said(str(error), ExitCode.NOT_JUDGED)
    # Python's own exit code for it, 1, would say that the connector violates a rule.
    traceback.print_exception(error)
    return _said(f"dsync-kit itself failed: {type(error).__name__}", ExitCode.NOT_JUDGED)


def _said(message: str, code: ExitCode) -> ExitCode:
    print(f"error: {message}", file=sys.stderr)
    return code
