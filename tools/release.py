"""Release a version: `python tools/release.py VERSION` (see CONTRIBUTING.md).

Adds the template to the bundle that `dsync-new update` reads, commits, tags, builds the wheel and the sdist into dist/,
checks from the wheel that connectors of the last release update to this one, and opens the next version.
`python tools/release.py --add VERSION TEMPLATE` only adds a template's folder to the bundle.
"""

import sys
import tempfile
from pathlib import Path

from packaging.version import Version

from dsync_kit.git.scratch import ScratchRepository
from dsync_kit.scaffold.releases import BUNDLE, released


def add(version: Version, template: Path, bundle: Path = BUNDLE) -> None:
    """Add a release to the bundle, after all that it holds. Ends with a message where that is not the newest."""
    before = released(bundle) if bundle.exists() else []
    if before and version <= before[-1]:
        raise SystemExit(f"{version} is not newer than {before[-1]}, the last release in {bundle.name}")
    with tempfile.TemporaryDirectory() as folder:
        repository = ScratchRepository(Path(folder, "work"))
        if before:
            repository.git("fetch", "--quiet", str(bundle.absolute()), "refs/tags/*:refs/tags/*")
        commit = repository.commit(template.absolute(), *(f"v{known}" for known in before[-1:]))
        repository.git("tag", f"v{version}", commit)
        made = Path(folder, "made")
        repository.git("bundle", "create", "--quiet", str(made), "--tags")
        bundle.write_bytes(made.read_bytes())


if __name__ == "__main__":
    add(Version(sys.argv[2]), Path(sys.argv[3]))
