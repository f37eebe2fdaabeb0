"""The S3 server for tests: it is real, and leaves nothing behind."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import obstore
import pytest
from obstore.exceptions import PermissionDeniedError
from obstore.store import S3Store

from dsync_kit.testing.ports import free_ports
from dsync_kit.testing.seaweedfs import SeaweedFS


def store_of(server: SeaweedFS, bucket: str, *, secret: str | None = None) -> S3Store:
    """A client of the bucket that does not retry."""
    return S3Store(
        bucket,
        endpoint=server.endpoint,
        region=server.region,
        access_key_id=server.access_key_id,
        secret_access_key=secret or server.secret_access_key,
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def sockets() -> set[Path]:
    """The sockets of all servers in the temporary folder, those of killed ones among them."""
    return set(Path("/tmp").glob("seaweedfs-*.sock"))  # noqa: S108


def traces(server: SeaweedFS, before: set[Path]) -> set[Path]:
    """The running server's files in the temporary folder, apart from those of other tests' servers."""
    ports = {str(port) for port in server._ports.values()}
    own = {path for path in sockets() - before if path.stem.split("-")[-1] in ports}
    return own if server._folder is None else {server._folder, *own}


def test_a_server_asks_for_its_credentials_and_keeps_what_it_is_given() -> None:
    """Objects survive an outage; a wrong secret is refused; after it stops, nothing is left."""
    before = sockets()
    with SeaweedFS() as server:
        bucket = server.make_bucket()
        store = store_of(server, bucket)
        obstore.put(store, "a/b", b"kept")
        with pytest.raises(PermissionDeniedError):
            obstore.put(store_of(server, bucket, secret="wrong"), "a/b", b"lost")  # noqa: S106
        with server.outage(), pytest.raises(obstore.exceptions.GenericError):
            obstore.get(store, "a/b")
        assert obstore.get(store, "a/b").bytes() == b"kept"
        found = traces(server, before)
        assert found
    assert not [path for path in found if path.exists()]
    server.stop()


def test_a_server_dies_with_its_owner(tmp_path: Path) -> None:
    """However the owner ends, because the system closes its end of a pipe."""
    code = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from dsync_kit.testing.process import OwnedProcess\n"
        f"process = OwnedProcess(['sleep', '600'], log=Path({str(tmp_path / 'log')!r}), environ=os.environ)\n"
        "print(process.pid, flush=True)\n"
        "{end}"
    )
    for end in ("os.kill(os.getpid(), signal.SIGKILL)", "raise SystemExit"):
        ended = subprocess.run(
            [sys.executable, "-c", code.format(end=end)], capture_output=True, text=True, check=False
        )
        assert ended.returncode in (-signal.SIGKILL, 0)
        deadline = time.monotonic() + 10
        while alive(int(ended.stdout)) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not alive(int(ended.stdout))


def test_free_ports_differ() -> None:
    """As many as requested, all different."""
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert all(1024 <= port < 65536 for port in ports)
