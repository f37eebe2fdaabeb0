"""A proxy before an HTTP server that refuses some requests for a while, like an overloaded server."""

import http.client
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

__all__ = ["ThrottlingProxy"]

_HOST = "127.0.0.1"
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)


class ThrottlingProxy:
    """Forwards requests to the server at `target` (`http://HOST:PORT`); a context manager, or `start`, `stop`.

    While `throttle` is open, it answers one request in `every` with `status`, and does not forward it. Everything that
    a client signed, including its Host header, reaches the server unchanged.
    """

    def __init__(self, target: str, *, status: int = 503, every: int = 3) -> None:
        self._target = urlsplit(target)
        self._status = status
        self._every = every
        self._asked = itertools.count(1)
        self._throttles = False
        self._server: ThreadingHTTPServer | None = None

    @property
    def endpoint(self) -> str:
        """The proxy's URL, for example `http://127.0.0.1:40123`."""
        if self._server is None:
            raise RuntimeError("the proxy has not been started")
        return f"http://{_HOST}:{self._server.server_address[1]}"

    def start(self) -> Self:
        """Listen on a free port of loopback."""
        proxy = self

        class Handler(_Handler):
            def refused(self) -> int:
                return proxy._refuses()

            target = proxy._target.netloc

        self._server = ThreadingHTTPServer((_HOST, 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="throttling-proxy", daemon=True).start()
        return self

    def stop(self) -> None:
        """Stop listening. Calling it again does nothing."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @contextmanager
    def throttle(self) -> Iterator[None]:
        """Some requests are refused while the context is open."""
        self._throttles = True
        try:
            yield
        finally:
            self._throttles = False

    def _refuses(self) -> int:
        """The status with which the next request is refused; 0 if it is forwarded."""
        return self._status if self._throttles and next(self._asked) % self._every == 0 else 0

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    target = ""
    _server: http.client.HTTPConnection | None = None

    def refused(self) -> int:
        raise NotImplementedError

    def finish(self) -> None:
        super().finish()
        if self._server is not None:
            self._server.close()

    def _hand_on(self) -> None:
        body = self._body()
        if status := self.refused():
            self._answer(status, {"content-type": "application/xml"}, b"<Error><Code>SlowDown</Code></Error>")
            return
        if self._server is None:
            self._server = http.client.HTTPConnection(self.target)
        try:
            self._server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in _HOP_BY_HOP and name.lower() != "expect":
                    self._server.putheader(name, value)
            if body and "content-length" not in self.headers:
                self._server.putheader("content-length", str(len(body)))
            self._server.endheaders(body or None)
            response = self._server.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException):
            self._server.close()
            self._server = None
            self.close_connection = True  # like the server itself: no answer
            return
        self._answer(response.status, dict(response.getheaders()), content)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("transfer-encoding", ""):
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        chunks = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            continue
        return b"".join(chunks)

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response_only(status)
        length = str(len(content))
        for name, value in headers.items():
            if self.command == "HEAD" and name.lower() == "content-length":
                length = value
            elif name.lower() not in {*_HOP_BY_HOP, "content-length"}:
                self.send_header(name, value)
        if status not in (http.client.NO_CONTENT, http.client.NOT_MODIFIED):
            self.send_header("content-length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _hand_on  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: Any) -> None:
        pass
