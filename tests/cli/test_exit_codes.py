"""What a command ends with, and what it says then."""

import pytest
from grpc import StatusCode

from dsync_kit.cli.exit_codes import ExitCode, exit_code_of
from dsync_kit.errors import ConnectorError, Unavailable, UsageError
from dsync_kit.targets.target import TargetError


def raising(error: BaseException) -> object:
    raise error


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("no such thing"), ExitCode.USAGE),
        (TargetError("nothing answers"), ExitCode.NOT_JUDGED),
        (Unavailable("away"), ExitCode.NOT_JUDGED),
        (ConnectorError("odd", StatusCode.UNKNOWN), ExitCode.NOT_JUDGED),
    ],
)
def test_errors(error: Exception, code: ExitCode, capsys: pytest.CaptureFixture[str]) -> None:
    """An error that is expected is one message on standard error, without a traceback."""
    assert exit_code_of(lambda: raising(error)) == code
    assert capsys.readouterr() == ("", f"error: {error}\n")


def test_the_kit_breaks(capsys: pytest.CaptureFixture[str]) -> None:
    """A bug of the kit is never taken for a violation by the connector, and its traceback is shown."""
    assert exit_code_of(lambda: raising(ZeroDivisionError("x"))) == ExitCode.NOT_JUDGED
    assert "Traceback" in capsys.readouterr().err


def test_interrupted() -> None:
    """Ctrl-C ends a command as the shell expects it."""
    assert exit_code_of(lambda: raising(KeyboardInterrupt())) == 130


def test_codes_of_a_command() -> None:
    """A command's own exit code is passed on; nothing is OK."""
    assert exit_code_of(lambda: ExitCode.VIOLATED) == 1
    assert exit_code_of(lambda: None) == 0
