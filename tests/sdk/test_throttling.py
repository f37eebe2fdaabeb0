"""The throttling proxy forwards requests unchanged, and refuses some while it throttles."""

import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dsync_kit.testing.throttling import ThrottlingProxy

SEEN: list[tuple[str, str, str, bytes]] = []


class Echo(BaseHTTPRequestHandler):
    """Answers with the body of the request, and notes the request."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        SEEN.append((self.command, self.path, self.headers["host"], body))
        self.send_response(200)
        self.send_header("x-kept", "as it is")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_DELETE = do_GET = do_PUT  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def proxy() -> Iterator[ThrottlingProxy]:
    SEEN.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with ThrottlingProxy(f"http://127.0.0.1:{server.server_address[1]}") as started:
            yield started
    finally:
        server.shutdown()
        server.server_close()


def _ask(
    proxy: ThrottlingProxy, method: str, path: str = "/a%20b?x=1", body: bytes = b""
) -> tuple[int, bytes, str | None]:
    connection = http.client.HTTPConnection(proxy.endpoint.removeprefix("http://"), timeout=10)
    try:
        connection.request(method, path, body, {"Host": "signed.example"})
        response = connection.getresponse()
        return response.status, response.read(), response.getheader("x-kept")
    finally:
        connection.close()


@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE", "HEAD"])
def test_requests_are_handed_on(proxy: ThrottlingProxy, method: str) -> None:
    """Path, Host header and body reach the server unchanged, and its answer comes back."""
    body = b"" if method in ("GET", "HEAD") else b"\0content" * 1000
    assert _ask(proxy, method, body=body) == (200, body, "as it is")
    assert [(method, "/a%20b?x=1", "signed.example", body)] == SEEN


def test_a_chunked_body_is_handed_on_whole(proxy: ThrottlingProxy) -> None:
    """A chunked body arrives with its length."""
    connection = http.client.HTTPConnection(proxy.endpoint.removeprefix("http://"), timeout=10)
    connection.request("PUT", "/chunks", iter([b"one ", b"two"]), encode_chunked=True)
    assert connection.getresponse().read() == b"one two"
    connection.close()


def test_one_in_three_is_refused_while_it_throttles(proxy: ThrottlingProxy) -> None:
    """While the context is open, every third request gets 503 and does not reach the server; afterwards none does."""
    with proxy.throttle():
        statuses = [_ask(proxy, "PUT", body=b"x")[0] for _ in range(9)]
    assert statuses == [200, 200, 503] * 3
    assert len(SEEN) == 6
    assert [_ask(proxy, "PUT", body=b"x")[0] for _ in range(6)] == [200] * 6


def test_without_its_server_nothing_answers() -> None:
    """While the server is away, the proxy hangs up without an answer."""
    with ThrottlingProxy("http://127.0.0.1:9") as proxy, pytest.raises((http.client.HTTPException, OSError)):
        _ask(proxy, "GET")
