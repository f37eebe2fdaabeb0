"""The template of each release, in a git bundle with a tag for each.

`tools/release.py` adds to it. The current template is in the folder `template`, and may not have been released.
"""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.version import Version

from dsync_kit import __version__
from dsync_kit.git.scratch import ScratchRepository
from dsync_kit.registry import packaged_folder

__all__ = ["BUNDLE", "Template", "current_version", "released", "template_of"]

BUNDLE = Path(__file__).with_name("releases.bundle")


@dataclass(frozen=True, slots=True)
class Template:
    """A folder that copier can render, and the version of the kit that renders it."""

    folder: Path
    version: Version


def current_version() -> Version:
    """This kit's version. Between releases, when the template changes, it ends with a digest of the template."""
    version = Version(__version__)
    return Version(f"{version.public}+{_digest(packaged_folder('template'))}") if version.is_devrelease else version


def released(bundle: Path | None = None) -> list[Version]:
    """The releases that the bundle, or another one, holds, oldest first."""
    with TemporaryDirectory(prefix="dsync-new-") as folder:
        lines = (
            ScratchRepository(Path(folder)).git("bundle", "list-heads", str((bundle or BUNDLE).absolute())).splitlines()
        )
    tags = (line.partition(" refs/tags/v")[2] for line in lines)
    return sorted(Version(tag) for tag in tags if tag)


@contextmanager
def template_of(version: Version) -> Iterator[Template]:
    """The template of a release or of this version. The folder exists until the context ends."""
    if version == current_version():
        yield Template(packaged_folder("template"), version)
        return
    with TemporaryDirectory(prefix="dsync-new-") as folder:
        repository = ScratchRepository(Path(folder))
        repository.git("fetch", "--quiet", str(BUNDLE.absolute()), f"refs/tags/v{version}")
        repository.git("checkout", "--quiet", "--force", "--detach", "FETCH_HEAD")
        shutil.rmtree(repository.folder / ".git")  # copier would render the newest tag of a repository
        yield Template(repository.folder, version)


def _digest(folder: Path) -> str:
    """A digest of the names and contents of a folder's files, twelve hexadecimal digits."""
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        for part in (path.relative_to(folder).as_posix().encode(), path.read_bytes()):
            found.update(len(part).to_bytes(8) + part)
    return found.hexdigest()[:12]
