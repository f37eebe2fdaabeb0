"""A flow between two ends with kills, as the tests of several connectors run it."""

from collections.abc import Sequence

from dsync_kit.e2e.documents import documents_for
from dsync_kit.e2e.ends import ServedEnd
from dsync_kit.e2e.kills import Kill
from dsync_kit.e2e.movers import Mover
from dsync_kit.e2e.results import Result
from dsync_kit.e2e.running import run_e2e
from dsync_kit.e2e.workload import Amounts
from dsync_kit.protocol import DATA_TYPE_MONGO_BSON

__all__ = ["flow"]


def flow(
    ends: Sequence[ServedEnd],
    mover: Mover,
    namespaces: Sequence[str],
    kills: Sequence[Kill],
    amounts: Amounts,
    seed: int,
) -> Result:
    """Copy BSON documents from the first end to the second, and follow the changes of the source, with these kills."""
    source, sink = ends
    return run_e2e(
        source,
        sink,
        mover,
        DATA_TYPE_MONGO_BSON,
        documents_for(namespaces, [], DATA_TYPE_MONGO_BSON, 0),
        seed=seed,
        amounts=amounts,
        kills=kills,
        quiet=60,
        listener=print,
    )
