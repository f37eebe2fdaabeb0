"""`dsync-kit sweep`: removes what killed runs left behind."""

from collections.abc import Sequence

from dsync_kit.bounds.scratch import sweep_folders
from dsync_kit.conformance.running.sweep import named_like_the_kits, sweep_namespaces
from dsync_kit.conformance.subject.journal import left_by_dead_runs
from dsync_kit.errors import UsageError
from dsync_kit.report.contents import plural
from dsync_kit.targets.resolving import resolve

__all__ = ["sweep"]


def sweep(target: str | None, options: Sequence[str] = (), *, insecure: bool = False, everything: bool = False) -> None:
    """Remove the scratch folders of dead runs and, in a target, empty the namespaces that they left.

    With `everything`, that includes every namespace with a name that the kit could have made. Raises UsageError if the
    target cannot be swept.
    """
    print(f"{plural(sweep_folders(), 'scratch folder')} of dead runs removed")
    with left_by_dead_runs() as left:
        if target is None:
            if everything:
                raise UsageError("--all needs a target, whose namespaces it empties")
            for one in left:
                print(
                    f"left at {one.target}: {plural(len(one.namespaces), 'namespace')}; name the target to empty them"
                )
            return
        with resolve(target, options, insecure=insecure).open() as opened:
            mine = [one for one in left if one.target == opened.title]
            namespaces = {name for one in mine for name in one.namespaces}
            if everything:
                namespaces.update(named_like_the_kits(opened))
            swept = sweep_namespaces(opened, sorted(namespaces))
            for one in mine:
                one.journal.unlink(missing_ok=True)
        documents, held = plural(swept.documents, "document"), plural(swept.namespaces, "namespace")
        print(f"{opened.title}: {documents} deleted from {held}, of {len(namespaces)} examined")
