"""How the conformance kit runs the reference connector: on a separate folder."""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from dsync_kit.testing import Harness


class ReferenceHarness(Harness):
    """The connector is both source and sink, so the kit needs no other way to its data."""

    _folder: Path | None = None

    def start(self) -> Sequence[str]:
        self._folder = Path(tempfile.mkdtemp(prefix="dsync-reference-"))
        return [self._folder.as_uri().replace("file:", "reference:", 1)]

    def stop(self) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder)


HARNESS = ReferenceHarness
