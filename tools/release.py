"""Release a version: `make release VERSION=0.2.0` (CONTRIBUTING.md says what to do before and after).

It writes the version into the files that name it, adds the template to the bundle that `dsync-new update` reads,
freezes the newest edition of the rules, builds the wheel and the sdist into dist/, checks that connectors of the last
release update to the wheel's template, commits, tags, and opens the next version. If a step fails, no file has changed.
"""

import datetime
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from packaging.version import InvalidVersion, Version

from dsync_kit.git.scratch import ScratchRepository
from dsync_kit.scaffold.copying import render_template
from dsync_kit.scaffold.releases import released, template_of

ROOT = Path(__file__).parents[1]
BUNDLE = Path("kit", "dsync_kit", "scaffold", "releases.bundle")
PROJECT = Path("pyproject.toml")
CHANGELOG = Path("CHANGELOG.md")
CI_PAGE = Path("docs", "ci.md")
EDITIONS = Path("tools", "editions.json")

SCHEMES = ("shelf", "file", "mongodb")
"""One for each archetype: connectors that the last release renders, and this one updates."""


def main(words: list[str]) -> None:
    """Release the version in `words`. Ends with a message if that cannot be done."""
    version = checked(words)
    last = released(ROOT / BUNDLE)[-1]
    before = {path: (ROOT / path).read_bytes() for path in (PROJECT, CHANGELOG, CI_PAGE, BUNDLE, EDITIONS)}
    try:
        write(released_files(version, last))
        add_release(version, ROOT / "template", ROOT / BUNDLE)
        run(sys.executable, str(ROOT / "tools" / "editions.py"), "--freeze")
        run(sys.executable, "-m", "hatchling", "build", "-d", "dist")
        (wheel,) = (ROOT / "dist").glob(f"dsync_kit-{version}-*.whl")
        check_updates(wheel, last)
        run("git", "commit", "--quiet", "--message", f"Release {version}", "--", *map(str, before))
    except BaseException:
        for path, data in before.items():
            (ROOT / path).write_bytes(data)
        raise
    run("git", "tag", "--annotate", "--message", f"dsync-kit {version}", f"v{version}")
    write(next_files(version))
    run("git", "commit", "--quiet", "--message", "Open the next version", "--", str(PROJECT), str(CHANGELOG))
    print(f"{version} is in dist/ and tagged: git push --follow-tags, and publish dist/dsync_kit-{version}*")


def checked(words: list[str]) -> Version:
    """The version to release. Ends with a message if something is in its way."""
    try:
        (word,) = words
        version = Version(word)
    except (ValueError, InvalidVersion):
        raise SystemExit(
            f"{' '.join(words)!r} is not a version: expected, for example, make release VERSION=0.2.0"
        ) from None
    if version.is_prerelease or version.local or len(version.release) != 3:
        raise SystemExit(f"{version} is not a release: expected three numbers, such as 0.2.0")
    last = released(ROOT / BUNDLE)[-1]
    if version <= last:
        raise SystemExit(f"{version} is not newer than {last}, the last release")
    if f"\n## {version} (unreleased)\n" not in (ROOT / CHANGELOG).read_text(encoding="utf-8"):
        raise SystemExit(
            f"{CHANGELOG} has no heading '## {version} (unreleased)': write what changed for users below it"
        )
    if changes := run("git", "status", "--porcelain"):
        raise SystemExit(f"commit or stash these first:\n{changes}")
    if run("git", "tag", "--list", f"v{version}"):
        raise SystemExit(f"the tag v{version} exists already")
    return version


def released_files(version: Version, last: Version) -> dict[Path, str]:
    """The texts of the files that name the version, with it."""
    today = datetime.datetime.now(tz=datetime.UTC).date()
    return {
        PROJECT: replaced(PROJECT, r'^version = ".*"$', f'version = "{version}"'),
        CHANGELOG: replaced(CHANGELOG, rf"^## {re.escape(str(version))} \(unreleased\)$", f"## {version} ({today})"),
        CI_PAGE: replaced(CI_PAGE, rf"(@v|: v){re.escape(str(last))}$", rf"\g<1>{version}"),
    }


def next_files(version: Version) -> dict[Path, str]:
    """The texts of the files that name the version, with the next one."""
    following = f"{version.major}.{version.minor + 1}.0"
    return {
        PROJECT: replaced(PROJECT, r'^version = ".*"$', f'version = "{following}.dev0"'),
        CHANGELOG: replaced(CHANGELOG, r"\A# Changelog\n", f"# Changelog\n\n## {following} (unreleased)\n"),
    }


def replaced(path: Path, pattern: str, new: str) -> str:
    """The text of a file with matches of a pattern replaced. Ends with a message if there are none."""
    text, count = re.subn(pattern, new, (ROOT / path).read_text(encoding="utf-8"), flags=re.MULTILINE)
    if not count:
        raise SystemExit(f"{path}: nothing matches {pattern}")
    return text


def write(texts: Mapping[Path, str]) -> None:
    """Write files, by their paths below the root."""
    for path, text in texts.items():
        (ROOT / path).write_text(text, encoding="utf-8")


def add_release(version: Version, template: Path, bundle: Path) -> None:
    """Add a template to a bundle, after the releases that it holds. Ends with a message if the version is not newer."""
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


def check_updates(wheel: Path, last: Version) -> None:
    """Update connectors of the last release from the wheel, and run their tests and `verify`."""
    with tempfile.TemporaryDirectory() as name, template_of(last) as template:
        folder = Path(name)
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder / "site")
        for scheme in SCHEMES:
            render_template(template, folder / "connectors" / scheme, {"scheme": scheme})
        identity = ("-c", "user.name=dsync-kit", "-c", "user.email=dsync-kit@localhost", "-c", "commit.gpgsign=false")
        for words in (("init", "--quiet"), ("add", "--all", "connectors"), ("commit", "--quiet", "--message", "made")):
            run("git", *identity, *words, cwd=folder)
        wheel_first = {**os.environ, "PYTHONPATH": str(folder / "site")}
        run(sys.executable, "-m", "dsync_kit.cli.new", "update", cwd=folder, environ=wheel_first)
        for scheme in SCHEMES:
            connector = folder / "connectors" / scheme
            own = ("-q", "-p", "no:cacheprovider", "--ignore", "tests/test_conformance.py", "tests")
            run(sys.executable, "-m", "pytest", *own, cwd=connector, environ=wheel_first)
            verify = ("-m", "dsync_kit.cli.kit", "verify", str(connector), "--profile", "quick")
            run(sys.executable, *verify, cwd=folder, environ=wheel_first)


def run(*words: str, cwd: Path = ROOT, environ: Mapping[str, str] = os.environ) -> str:
    """The output of a command. Ends with its output if it fails."""
    done = subprocess.run(  # noqa: S603 - no shell reads the words
        words, cwd=cwd, env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main(sys.argv[1:])
