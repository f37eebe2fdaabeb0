"""A folder after a power failure: everything acknowledged is on the disk, and every file is whole."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from dsync_kit.files.document_files import DocumentFiles
from dsync_kit.files.stores.folder import Folder
from dsync_kit.protocol import DATA_TYPE_JSON_ID

from .using import NAMESPACE, delete, listed, replace, write

Open = Callable[..., DocumentFiles]


class Disk:
    """What would be left of a folder: the contents of each file, and the names in each folder, at its last fsync.

    A name whose file was never synced is left as an empty file, as file systems do it.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._contents: dict[int, bytes] = {}
        self._names: dict[Path, dict[str, int]] = {}

    def synced(self, descriptor: int) -> None:
        """Note what an fsync makes durable."""
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            self._names[path] = {entry.name: entry.inode() for entry in os.scandir(path)}
        else:
            self._contents[os.fstat(descriptor).st_ino] = path.read_bytes()

    def restore(self, to: Path) -> None:
        """Write what is left into another folder."""
        self._restore(self.root, to)

    def _restore(self, path: Path, to: Path) -> None:
        to.mkdir()
        for name, inode in self._names.get(path, {}).items():
            if (path / name).is_dir():
                self._restore(path / name, to / name)
            else:
                (to / name).write_bytes(self._contents.get(inode, b""))


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    """Watches every fsync."""
    (tmp_path / "store").mkdir()
    watched = Disk(tmp_path / "store")
    sync = os.fsync

    def fsync(descriptor: int) -> None:
        sync(descriptor)
        watched.synced(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    return watched


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="it needs /proc to see which file is synced")
def test_what_was_acknowledged_is_on_the_disk(open_files: Open, disk: Disk, tmp_path: Path) -> None:
    """After each call: power that is lost then takes nothing that was acknowledged, and leaves no half file."""
    files = open_files(Folder(disk.root))
    expected = {}
    for number in range(30):
        if number % 3:
            write(files, {"id": number, "text": "x" * 5000})
            expected[number] = {"id": number, "text": "x" * 5000}
        else:
            files.update(NAMESPACE, [replace({"id": number}), delete(number - 1)], DATA_TYPE_JSON_ID)
            expected[number] = {"id": number}
            expected.pop(number - 1, None)
        if number % 5 == 0:
            files.settle()
        left = tmp_path / f"left-{number}"
        disk.restore(left)
        found = {document["id"]: document for document in listed(open_files(Folder(left)))}
        assert found == expected
