"""`grpc://HOST:PORT`: a connector that is already running."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from dsync_kit.client import GrpcClient
from dsync_kit.errors import UsageError
from dsync_kit.output.redaction import redact_uri
from dsync_kit.settings import ConnectorSettings, option
from dsync_kit.targets.target import Calls, OpenTarget, Target
from dsync_kit.usage import TargetError

__all__ = ["GrpcSettings", "grpc_target"]

_REACH_SECONDS = 5.0


class GrpcSettings(ConnectorSettings):
    """The options of `grpc://HOST:PORT`."""

    insecure: bool = option(False, help="clear text, without TLS")
    gzip: bool = option(False, help="compress the requests")


def grpc_target(word: str, calls: Calls, *, insecure: bool, gzip: bool) -> Target:
    address = word[len("grpc://") :].rstrip("/")
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "@" in host:
        raise UsageError(f"{redact_uri(word)!r} is not an address: expected grpc://HOST:PORT and nothing else")

    @contextmanager
    def open_target() -> Iterator[OpenTarget]:
        with ExitStack() as stack:

            def connect() -> GrpcClient:
                client = GrpcClient(address, insecure=insecure, gzip=gzip, timeout=calls.timeout, watch=calls.watch)
                return stack.enter_context(client)

            client = connect()
            if not client.wait_until_ready(_REACH_SECONDS):
                advice = "" if insecure else " (tried with TLS; for clear text add --insecure)"
                raise TargetError(f"nothing answers at {word}: is the connector running there?{advice}")
            yield OpenTarget(title=word, api=client, connect=connect)

    return Target(word, open_target)
