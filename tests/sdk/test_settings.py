"""Settings: dsync's grammar, the environment, what help pages show, and secrets that they never do."""

import re
from datetime import timedelta
from typing import Literal
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from dsync_kit.errors import UsageError
from dsync_kit.settings import ConnectorSettings, Duration, check_userinfo, option, redact_uri


class Settings(ConnectorSettings):
    page_size: int = option(100, help="documents on a page", gt=0)
    mode: Literal["fast", "safe"] = option("safe", help="how to write")
    verify: bool = option(True, help="read back what was written")
    quiet: bool = option(False, help="say nothing")
    wait: Duration = option(timedelta(seconds=2), help="time between two tries")
    limit: int | None = option(None, help="at most so many")
    tag: list[str] = option(help="a label", default_factory=list)
    password: SecretStr | None = option(None, help="the password", env=["EX_PASSWORD", "FALLBACK_PASSWORD"])


class Required(ConnectorSettings):
    bucket: str = option(help="the bucket to use", env=["EX_BUCKET"], metavar="NAME")
    key: SecretStr = option(help="the access key")


def parse(*words: str) -> Settings:
    settings, rest = Settings.parse(["ex://h", *words], {})
    assert rest == []
    return settings


def test_defaults() -> None:
    """With only the URI, each option has its default."""
    settings = parse()
    assert settings.uri == "ex://h"
    assert (settings.page_size, settings.mode, settings.verify, settings.quiet) == (100, "safe", True, False)
    assert (settings.wait, settings.limit, settings.tag, settings.password) == (timedelta(seconds=2), None, [], None)


@pytest.mark.parametrize(
    ("words", "rest"),
    [
        (["ex://h", "other://x", "--page-size", "5"], ["other://x", "--page-size", "5"]),
        (["ex://h", "--page-size", "5", "other://x", "--quiet"], ["other://x", "--quiet"]),
        (["ex://h", "--quiet", "other"], ["other"]),
        (["ex://h", "--quiet", "-", "--x"], ["-", "--x"]),
        (["ex://h", "--quiet", "--", "--page-size"], ["--page-size"]),
        (["ex://h"], []),
    ],
)
def test_first_word_that_is_not_an_option_begins_the_rest(words: list[str], rest: list[str]) -> None:
    """The URI comes first, directly followed by its options; the rest is left alone."""
    settings, left = Settings.parse(words, {})
    assert left == rest
    assert settings.uri == "ex://h"


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        (["--page-size", "7"], "page_size", 7),
        (["--page-size=7"], "page_size", 7),
        (["-page-size", "7"], "page_size", 7),
        (["-page-size=7"], "page_size", 7),
        (["--page-size", "7", "--page-size", "8"], "page_size", 8),
        (["--limit", "-3"], "limit", -3),
        (["--mode=fast"], "mode", "fast"),
        (["--quiet"], "quiet", True),
        (["--quiet=false"], "quiet", False),
        (["--no-verify"], "verify", False),
        (["-no-verify"], "verify", False),
        (["--no-quiet"], "quiet", False),
        (["--tag", "a", "--tag=b=c", "--tag="], "tag", ["a", "b=c", ""]),
        (["--wait", "1m30s"], "wait", timedelta(seconds=90)),
        (["--wait", "1h0.5s"], "wait", timedelta(seconds=3600.5)),
        (["--wait=250ms"], "wait", timedelta(milliseconds=250)),
        (["--wait=0"], "wait", timedelta()),
    ],
)
def test_ways_to_give_an_option(words: list[str], field: str, value: object) -> None:
    """One dash or two, a space or `=`; the last of repeated options counts, unless it makes a list."""
    assert getattr(parse(*words), field) == value


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--pagesize", "5"], "ex://h has no option --pagesize: its options are --page-size, --mode, --verify"),
        (["--no-page-size"], "has no option --no-page-size"),
        (["--no-verify=false"], "has no option --no-verify"),
        (["--page-size"], "the option --page-size needs a value: documents on a page"),
        (["--page-size", "x"], "--page-size: Input should be a valid integer"),
        (["--page-size", "0"], "--page-size: Input should be greater than 0"),
        (["--mode", "slow"], "--mode: Input should be 'fast' or 'safe'"),
        (["--verify=perhaps"], "--verify: Input should be a valid boolean"),
        (["--wait", "5"], "--wait: expected a duration like 1s, 250ms or 1m30s"),
        (["--wait", "1s later"], "--wait: expected a duration"),
        (["--wait", ""], "--wait: expected a duration"),
        (["--uri", "x"], "has no option --uri"),
    ],
)
def test_what_does_not_fit(words: list[str], message: str) -> None:
    """A wrong option or value is a usage error that names the option and what would fit."""
    with pytest.raises(UsageError, match=re.escape(message)):
        parse(*words)


def test_every_problem_is_reported_at_once() -> None:
    """Two wrong values are both in the message."""
    with pytest.raises(UsageError, match=r"--page-size: .*; --mode: .*"):
        parse("--page-size", "x", "--mode", "y")


def test_required_options() -> None:
    """A missing option is named, with the environment variables that may hold it, and its help."""
    expected = r"ex://h: --bucket or \$EX_BUCKET is required: the bucket to use; --key is required: the access key"
    with pytest.raises(UsageError, match=expected):
        Required.parse(["ex://h"], {})
    assert Required.parse(["ex://h", "--key", "k"], {"EX_BUCKET": "b"})[0].bucket == "b"


def test_environment() -> None:
    """The first variable that is set wins, the command line overrides all, an empty variable counts as not set."""

    def password(environ: dict[str, str], *words: str) -> str | None:
        settings, _ = Settings.parse(["ex://h", *words], environ)
        return settings.password.get_secret_value() if settings.password else None

    assert password({"EX_PASSWORD": "a", "FALLBACK_PASSWORD": "b"}) == "a"
    assert password({"EX_PASSWORD": "", "FALLBACK_PASSWORD": "b"}) == "b"
    assert password({"EX_PASSWORD": "a"}, "--password", "c") == "c"
    assert password({"UNRELATED": "a"}) is None


def test_help_data() -> None:
    """An option gives a help page its flag, help, default, environment variables and kind."""
    options = {known.field: known for known in Settings.options()}
    assert list(options) == ["page_size", "mode", "verify", "quiet", "wait", "limit", "tag", "password"]
    assert [known.flag for known in options.values()][:2] == ["--page-size", "--mode"]
    assert {name: known.default for name, known in options.items()} == {
        "page_size": "100",
        "mode": "safe",
        "verify": "True",
        "quiet": None,
        "wait": "2s",
        "limit": None,
        "tag": None,
        "password": None,
    }
    assert [name for name, known in options.items() if known.is_flag] == ["verify", "quiet"]
    assert [name for name, known in options.items() if known.repeats] == ["tag"]
    assert [name for name, known in options.items() if known.secret] == ["password"]
    assert options["password"].env == ("EX_PASSWORD", "FALLBACK_PASSWORD")
    assert options["quiet"].metavar is None
    bucket, key = Required.options()
    assert (bucket.metavar, bucket.required, bucket.help) == ("NAME", True, "the bucket to use")
    assert (key.required, key.secret) == (True, True)


HOSTILE = "p@ss/w:rd ü%'\""


def test_secret_options_are_redacted() -> None:
    """A secret is not in the settings' text, and is removed from any text: plain, percent-encoded, or quoted."""
    settings = parse("--password", HOSTILE)
    assert settings.password is not None
    assert settings.password.get_secret_value() == HOSTILE
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert HOSTILE not in shown
        assert repr(HOSTILE)[1:-1] not in shown
    for text in (f"login {HOSTILE} failed", f"http://u:{quote(HOSTILE, safe='')}@h", f"error: {ValueError(HOSTILE)!r}"):
        redacted = settings.redact(text)
        assert "***" in redacted
        assert HOSTILE not in redacted
        assert "w%3Ard" not in redacted
        assert "w:rd" not in redacted


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("pg://user:hunter2@host:5/db?x=1", "pg://user:***@host:5/db?x=1"),
        ("pg://:hunter2@host", "pg://:***@host"),
        ("pg://user:hunter2@h1,h2:99", "pg://user:***@h1,h2:99"),
        ("pg://user:hun%2Fter2@host", "pg://user:***@host"),
        ("pg://user:hunter2@ho[st", "pg://user:***@ho[st"),
        ("pg://user:hun/ter2@host/db", "pg://user:***@host/db"),
        ("pg://user:hun?ter2#x@host/db", "pg://user:***@host/db"),
        ("pg://user@host/db?password=hunter2&x=1", "pg://user@host/db?password=***&x=1"),
        ("db://h/?tlsCertificateKeyFilePassword=hunter2", "db://h/?tlsCertificateKeyFilePassword=***"),
        (
            "db://h/?authMechanismProperties=A:b,AWS_TOKEN:hunter2,C:d",
            "db://h/?authMechanismProperties=A:b,AWS_TOKEN:***,C:d",
        ),
        ("db://h/?authMechanismProperties=AWS_TOKEN%3Ahunter2", "db://h/?authMechanismProperties=AWS_TOKEN%3A***"),
        ("db://h/?tlsCertificateKeyFile=a.pem&w=majority", "db://h/?tlsCertificateKeyFile=a.pem&w=majority"),
        ("pg://user@host", "pg://user@host"),
        ("pg://host:5432/db", "pg://host:5432/db"),
        ("s3://bucket/prefix", "s3://bucket/prefix"),
        ("file:///a:b/c", "file:///a:b/c"),
        ("/dev/null", "/dev/null"),
    ],
)
def test_password_in_a_uri(uri: str, shown: str) -> None:
    """A URI is shown without its password, whether in the address or a parameter, and otherwise unchanged."""
    assert redact_uri(uri) == shown
    with pytest.raises(UsageError) as unknown:
        Settings.parse([uri, "--unknown"], {})
    with pytest.raises(UsageError) as invalid:
        Settings.parse([uri, "--page-size", "x"], {})
    settings, _ = Settings.parse([uri], {})
    for text in (str(unknown.value), str(invalid.value), repr(settings), str(settings), settings.redact(uri)):
        assert shown in text
        assert "ter2" not in text


def test_password_of_a_uri_is_a_secret_in_both_forms() -> None:
    """A percent-encoded password is redacted as typed, and as the server sees it."""
    settings, _ = Settings.parse(["pg://user:a%2Fb%20c@host"], {})
    assert settings.redact("a%2Fb%20c, a/b c") == "***, ***"


@given(st.text(min_size=1, max_size=12).filter(lambda text: "*" not in text))
def test_no_secret_survives(secret: str) -> None:
    """Whatever a secret's characters, no text keeps it."""
    settings = Settings(uri="ex://h", password=SecretStr(secret))
    assert secret not in settings.redact(f"<{secret}|{secret}>")


@pytest.mark.parametrize("words", [["--password"], ["--page-size", HOSTILE], ["--mode", HOSTILE], ["--wait", HOSTILE]])
def test_values_are_not_repeated_in_errors(words: list[str]) -> None:
    """A value in the wrong place does not appear in the error."""
    with pytest.raises(UsageError) as caught:
        parse(*words)
    assert HOSTILE not in str(caught.value)


@pytest.mark.parametrize(
    "uri",
    ["db://u:a/b@host/x", "db://u:a@b@host/x", "db://u:a?b@host/x", "db://u:a/b?c@host/x"],
)
def test_a_user_or_password_that_is_not_escaped_is_refused(uri: str) -> None:
    """The error says how to write it, and shows nothing of it."""
    with pytest.raises(ValueError, match="write @ as %40, / as %2F") as caught:
        check_userinfo(uri)
    assert "host" not in str(caught.value)


@pytest.mark.parametrize(
    "uri",
    ["db://", "db:///x", "db://u:a%2Fb@h:1,i/x?y=z@w", "db://h:1/x?user=me@server", "db://[::1]/x", "db://h?a=b&c=d@e"],
)
def test_other_uris_may_hold_at_signs(uri: str) -> None:
    """In the options, for example as the name of a user."""
    check_userinfo(uri)
