"""The exit codes of commands, and their messages."""

import sys

import pytest
import typer
from grpc import StatusCode

from dsync_kit.cli.exit_codes import ExitCode, exit_code_of
from dsync_kit.errors import ConnectorError, Unavailable, UsageError
from dsync_kit.usage import TargetError


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
    """An expected error is one message on standard error, without a traceback."""
    assert exit_code_of(lambda: raising(error)) == code
    assert capsys.readouterr() == ("", f"error: {error}\n")


def test_the_kit_breaks(capsys: pytest.CaptureFixture[str]) -> None:
    """A bug in the kit never counts as a violation by the connector, and its traceback is shown."""
    assert exit_code_of(lambda: raising(ZeroDivisionError("x"))) == ExitCode.NOT_JUDGED
    assert "Traceback" in capsys.readouterr().err


def test_interrupted() -> None:
    """Ctrl-C ends a command with the code that shells expect."""
    assert exit_code_of(lambda: raising(KeyboardInterrupt())) == 130


def test_codes_of_a_command() -> None:
    """A command's own exit code is passed on; no code means OK."""
    assert exit_code_of(lambda: ExitCode.VIOLATED) == 1
    assert exit_code_of(lambda: None) == 0


def app_that_raises(error: BaseException) -> typer.Typer:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

    @app.command()
    def command() -> None:
        raise error

    return app


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (typer.Exit(ExitCode.VIOLATED), 1),
        (typer.Exit(), 0),
        (typer.BadParameter("odd"), 2),
        (BrokenPipeError(32, "Broken pipe"), 3),
        (EOFError(), 3),
        (SystemExit(0), 3),
        (SystemExit(None), 3),
        (SystemExit("needs libfoo"), 3),
        (KeyboardInterrupt(), 130),
    ],
)
def test_only_the_kit_decides(monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int) -> None:
    """If a connector's code ends the process, or raises an error that Typer turns into 1, that is not a verdict."""
    monkeypatch.setattr(sys, "argv", ["dsync-kit"])
    assert exit_code_of(app_that_raises(error)) == code


def test_the_words_of_a_connector_that_ends_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Its message is shown."""
    assert exit_code_of(lambda: raising(SystemExit("needs libfoo"))) == 3
    assert capsys.readouterr().err == "error: a connector's code ended the command with sys.exit('needs libfoo')\n"
