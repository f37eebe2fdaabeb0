"""The connector of a read or a write: named and checked on the driver, opened in each process that calls it.

Every process opens the connector for itself, as a plan's cursors work on any instance of a connector. What the driver
alone knows travels with the endpoint: a folder's absolute path, and the options that it has in its environment.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import orjson
from grpc import StatusCode

from dsync_kit.client import ClientBase, ConnectorApi
from dsync_kit.errors import ConnectorError, UsageError
from dsync_kit.flow.negotiation import End
from dsync_kit.flow.retries import repeated
from dsync_kit.output.redaction import redact_uri
from dsync_kit.protocol import (
    ListDataRequest,
    ListDataResponse,
    WriteDataRequest,
    WriteDataResponse,
    WriteUpdatesRequest,
    WriteUpdatesResponse,
)
from dsync_kit.settings import ConnectorSettings, Option
from dsync_kit.targets.address import GrpcSettings
from dsync_kit.targets.resolving import find_connector, resolve
from dsync_kit.usage import TargetError

__all__ = ["Endpoint", "Repeating"]


@dataclass(frozen=True)
class Endpoint:
    """A connector, as `resolve` takes it: the word that names it, and its options."""

    word: str = field(repr=False)
    options: tuple[str, ...] = field(default=(), repr=False)
    insecure: bool = False
    gzip: bool = False

    @classmethod
    def named(cls, target: str, options: Mapping[str, str], environ: Mapping[str, str]) -> "Endpoint":
        """The endpoint that a user's `target` names, with its options by name.

        `uri` among them is the URI of a folder's data. Raises UsageError if no connector matches, for an unknown
        option, and for an invalid value.
        """
        given = dict(options)
        if target.lower().startswith("grpc://"):
            _without_uri(target, given)
            settings, _ = GrpcSettings.parse([target, *_words(given, GrpcSettings)], environ)
            return cls(target, insecure=settings.insecure, gzip=settings.gzip)
        if target.startswith("exec:"):
            if given:
                raise UsageError(f"exec: takes no options, but {', '.join(sorted(given))} given")
            return cls(target)
        connector, folder = find_connector(target)
        if folder is None:
            _without_uri(target, given)
            uri = target
        elif (uri := given.pop("uri", "")) == "":
            raise UsageError(
                f"the target {target} is a folder: give the URI of its data as the option 'uri', such as "
                f"{connector.usage}. (The scratch area of its conformance.py exists in one process only)"
            )
        words = [uri, *_words(given, connector.settings), *_from_environment(connector.settings, given, environ)]
        connector.settings.parse(words, {})  # what is wrong is said on the driver
        if folder is not None:
            return cls(str(folder.resolve()), tuple(words))
        return cls(uri, tuple(words[1:]))

    @contextmanager
    def open(self) -> Iterator[End]:
        """The connector, open in this process. Raises TargetError if it cannot be reached or made."""
        target = resolve(self.word, self.options, insecure=self.insecure, gzip=self.gzip, timeout=None)
        with ExitStack() as stack:
            try:
                opened = stack.enter_context(target.open())
            except TargetError as error:
                # As Spark's users would write it.
                raise TargetError(str(error).replace("add --insecure", "set the option 'insecure' to true")) from None
            yield End.of(target, opened)


def _without_uri(target: str, given: Mapping[str, str]) -> None:
    if "uri" in given:
        raise UsageError(f"the option 'uri' is for a connector's folder, but the target is {redact_uri(target)}")


def _words(given: Mapping[str, str], settings: type[ConnectorSettings]) -> list[str]:
    """Options by name as words of a command line; a repeatable one may be a JSON array of texts."""
    known = {option.flag: option for option in settings.options()}
    return [word for name, value in given.items() for word in _option_words(name, value, known.get(f"--{name}"))]


def _option_words(name: str, value: str, option: Option | None) -> Iterator[str]:
    values = [value]
    if option is not None and option.repeats and value.lstrip().startswith("["):
        try:
            values = [str(each) for each in orjson.loads(value)]
        except orjson.JSONDecodeError as error:
            raise UsageError(f"the option {name!r} is not a JSON array of texts: {error}") from None
    for each in values:
        yield f"--{name}={each}"


def _from_environment(
    settings: type[ConnectorSettings], given: Mapping[str, str], environ: Mapping[str, str]
) -> Iterator[str]:
    """What the driver has in its environment for options that were not given: an executor has another one."""
    for option in settings.options():
        if option.flag.removeprefix("--") not in given:
            found = next((environ[name] for name in option.env if environ.get(name)), None)
            if found is not None:
                yield f"{option.flag}={found}"


class Repeating(ClientBase):
    """Repeats listings and writes as dsync does. A listing is only repeated from the page that failed: Spark repeats
    the whole task, and so the partition, if that doesn't help."""

    def __init__(self, api: ConnectorApi) -> None:
        self._api = api

    def list_data(self, request: ListDataRequest) -> ListDataResponse:
        return repeated(lambda: self._api.list_data(request), retryable=_same_page_may_come)

    def write_data(self, request: WriteDataRequest) -> WriteDataResponse:
        return repeated(lambda: self._api.write_data(request))

    def write_updates(self, request: WriteUpdatesRequest) -> WriteUpdatesResponse:
        return repeated(lambda: self._api.write_updates(request))


def _same_page_may_come(error: ConnectorError) -> bool:
    return error.retryable and error.code is not StatusCode.ABORTED  # ABORTED: the partition must start over
