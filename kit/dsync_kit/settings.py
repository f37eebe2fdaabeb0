"""A connector's settings: one pydantic model that defines options, `--help`, environment variables and secrets.

The grammar is dsync's: first the URI or name, then its options. The first word that is not an option begins the rest.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Self, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from dsync_kit.output.redaction import redact_uri, spellings, uri_secrets
from dsync_kit.usage import UsageError

__all__ = ["ConnectorSettings", "Duration", "Option", "check_userinfo", "option", "redact_uri"]

_DURATION_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def _parse_duration(value: object) -> object:
    if not isinstance(value, str) or value == "0":
        return timedelta() if value == "0" else value
    parts = _DURATION_PART.findall(value)
    if not parts or "".join(number + unit for number, unit in parts) != value:
        raise ValueError("expected a duration like 1s, 250ms or 1m30s")
    return timedelta(seconds=sum(float(number) * _SECONDS[unit] for number, unit in parts))


Duration = Annotated[timedelta, BeforeValidator(_parse_duration)]
"""A span of time, written as dsync writes it: `1s`, `250ms`, `1m30s`."""


def option(
    default: Any = PydanticUndefined,
    *,
    help: str,  # noqa: A002 - the name that every command-line library uses
    env: Sequence[str] = (),
    metavar: str | None = None,
    **constraints: Any,
) -> Any:
    """A field that is an option on the command line.

    Without the option, the value comes from the environment: `env` names the variables, and the first that is set wins.
    `constraints` are those of `pydantic.Field`, for example `gt=0`.
    """
    extra: dict[str, Any] = {"env": list(env), "metavar": metavar}
    return Field(default, description=help, json_schema_extra=extra, **constraints)


@dataclass(frozen=True, slots=True)
class Option:
    """One option as a help page shows it."""

    flag: str
    field: str
    help: str
    metavar: str | None
    default: str | None
    required: bool
    env: tuple[str, ...]
    secret: bool
    is_flag: bool
    repeats: bool


class ConnectorSettings(BaseModel):
    """The base of a connector's settings. Fields made with `option` are options; `uri` is what the user typed first.

    class Settings(ConnectorSettings):
        page_size: int = option(1000, help="documents on a page", gt=0)
        password: SecretStr | None = option(None, help="the password", env=["EXAMPLE_PASSWORD"])
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)
    uri: str = ""

    @classmethod
    def options(cls) -> list[Option]:
        """The options, in the order of the fields."""
        return [_option(name, field) for name, field in cls.model_fields.items() if name != "uri"]

    @classmethod
    def words_after(cls, words: Sequence[str]) -> list[str]:
        """The words that remain after `NAME [options]`. Raises UsageError for an unknown option."""
        name, *options = words
        return cls._read(name, options)[1]

    @classmethod
    def parse(cls, words: Sequence[str], environ: Mapping[str, str]) -> tuple[Self, list[str]]:
        """Read `URI [options]` from the start of `words`; returns the settings, and the remaining words.

        Raises UsageError for an unknown option, and for an invalid or missing value.
        """
        uri, *rest = words
        values, rest = cls._read(uri, rest)
        for known in cls.options():
            if known.field not in values:
                found = next((environ[name] for name in known.env if environ.get(name)), None)
                if found is not None:
                    values[known.field] = [found] if known.repeats else found
        try:
            return cls.model_validate({"uri": uri, **values}), rest
        except ValidationError as error:
            raise UsageError(f"{redact_uri(uri)}: {_explain(error, cls)}") from None

    @classmethod
    def _read(cls, uri: str, words: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
        """The values at the start of the words as texts, and the remaining words."""
        options = {known.flag: known for known in cls.options()}
        values: dict[str, Any] = {}
        rest = list(words)
        while rest and rest[0].startswith("-") and rest[0] != "-":
            if rest[0] == "--":
                rest.pop(0)
                break
            known, text, rest = _take(rest, options, uri)
            if known.repeats:
                values.setdefault(known.field, []).append(text)
            else:
                values[known.field] = text
        return values, rest

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for name, value in super().__repr_args__():
            yield name, redact_uri(value) if name == "uri" else value

    def secrets(self) -> list[str]:
        """Every secret in the settings as text, including those in the URI; the longest first."""
        values = [getattr(self, name) for name in type(self).model_fields]
        found = {value.get_secret_value() for value in values if isinstance(value, SecretStr)}
        return spellings(found | uri_secrets(self.uri))

    def redact(self, text: str) -> str:
        """`text` with every secret replaced by `***`."""
        for secret in self.secrets():
            text = text.replace(secret, "***")
        return text


def check_userinfo(uri: str) -> None:
    """Raise ValueError if the user or the password in a URI of a database holds `@`, `/` or `?` as it is.

    Drivers would take what follows for a host, a database or an option, and show it in their errors.
    """
    rest = uri.partition("://")[2]
    path, _, options = rest.partition("?")
    authority = path.partition("/")[0]
    if authority.count("@") > 1 or ("@" not in authority and ("@" in path or re.match("[^=&]*@", options))):
        raise ValueError("write @ as %40, / as %2F and ? as %3F in the user and the password, or give --password")


def _option(name: str, field: FieldInfo) -> Option:
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    # `X | None` accepts what X accepts.
    types = [kind for kind in get_args(field.annotation) if kind is not type(None)]
    kind = field.annotation if get_origin(field.annotation) in (list, tuple) or not types else types[0]
    is_flag = kind is bool
    secret = kind is SecretStr
    value = field.get_default(call_default_factory=True)
    default = None if field.is_required() or value in (None, "", False) or secret else _shown(value)
    metavar = extra.get("metavar")
    return Option(
        flag="--" + name.replace("_", "-"),
        field=name,
        help=field.description or "",
        metavar=None if is_flag else str(metavar or "VALUE"),
        default=default,
        required=field.is_required(),
        env=tuple(str(variable) for variable in _as_list(extra.get("env"))),
        secret=secret,
        is_flag=is_flag,
        repeats=get_origin(kind) is list,
    )


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _shown(value: object) -> str | None:
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or None
    return str(value)


def _take(words: Sequence[str], options: Mapping[str, Option], uri: str) -> tuple[Option, str, list[str]]:
    """The option at the start of the words, its value as text, and the remaining words."""
    word, *rest = words
    # Go's flag package, and so dsync, accepts one dash or two.
    flag, has_value, value = ("--" + word.lstrip("-")).partition("=")
    negated = options.get("--" + flag.removeprefix("--no-")) if flag.startswith("--no-") else None
    known = options.get(flag)
    if known is None and negated is not None and negated.is_flag and not has_value:
        return negated, "false", rest
    if known is None:
        choices = ", ".join(options) or "none"
        raise UsageError(f"{redact_uri(uri)} has no option {flag}: its options are {choices}")
    if known.is_flag:
        return known, value if has_value else "true", rest
    if has_value:
        return known, value, rest
    if not rest:
        raise UsageError(f"{redact_uri(uri)}: the option {flag} needs a value: {known.help}")
    return known, rest[0], rest[1:]


def _explain(error: ValidationError, cls: type[ConnectorSettings]) -> str:
    flags = {known.field: known for known in cls.options()}
    problems = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        known = flags.get(str(problem["loc"][0])) if problem["loc"] else None
        if known is not None and problem["type"] == "missing":
            sources = " or ".join([known.flag, *(f"${name}" for name in known.env)])
            problems.append(f"{sources} is required: {known.help}")
        else:
            message = problem["msg"].removeprefix("Value error, ")
            problems.append(f"{known.flag}: {message}" if known else message)
    return "; ".join(problems)
