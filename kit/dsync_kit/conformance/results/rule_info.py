"""The description of a rule: its id, its level, the contract's sentence that it checks, and what it needs."""

from dataclasses import dataclass
from enum import Enum, StrEnum

from dsync_kit.conformance.results.features import FeatureKind
from dsync_kit.project.editions import FIRST

__all__ = ["Level", "Need", "RuleInfo"]


class Level(StrEnum):
    """How much a rule weighs."""

    MUST = "MUST"
    """dsync relies on it: a violation loses, corrupts or blocks data."""
    SHOULD = "SHOULD"
    """It makes a connector better; only counts as a failure with `--strict`."""


class Need(Enum):
    """What a connector, and the way it is run, must offer for a rule to apply. The value is the reason if not."""

    SOURCE = "the connector declares no source"
    SINK = "the connector declares no sink"
    NO_SOURCE = "the connector declares a source"
    NO_SINK = "the connector declares a sink"
    LISTING = "the connector declares no source, or there is nothing to list: name existing data with --namespace"
    LOADING = "it is not a sink, and its conformance.py has no seed() to write data"
    CHANGING = "it is not a sink, and its conformance.py has no update() to change data"
    APPLYING = "its sink only copies: WriteUpdates answers UNIMPLEMENTED"
    DELETING = "it deletes nothing: a DELETE is answered with UNIMPLEMENTED"
    READING = "it is not a source, and its conformance.py has no read() to read data"
    UPDATES = "its plan has no updates partition: it streams no updates"
    FINITE = "its data can be changed: its stream does not end by itself"
    LSN = "lsn_stream is not declared"
    NO_LSN = "lsn_stream is declared"
    GET_BY_IDS = "get_by_ids is not declared"
    NO_GET_BY_IDS = "get_by_ids is declared"
    MULTI_NAMESPACE_PLAN = "multi_namespace_plan is not declared"
    DEFAULT_PLAN = "default_plan is not declared"
    BSON = "MONGO_BSON is not among its data types"
    JSON = "JSON_ID is not among its data types"
    TWO_TYPES = "it handles one data type only"
    TWO_NAMESPACES = "only one namespace may be written to: name a second one with --namespace, or in conformance.py"
    SEVERAL_FORMS = "its namespaces all hold the same documents"
    SCHEMA = "its documents may have any fields: there is no schema to violate"
    IN_PROCESS = "it runs in another process: only a folder or a registered connector can be inspected"
    SECOND_INSTANCE = "a second instance can't be started from an address alone: use a folder or exec:"
    ELSEWHERE = "another instance can't be started from an address alone: use a folder or exec:"
    OTHER_DATA = "a separate scratch area needs a connector's folder with its conformance.py"
    CONNECTION = "it has no address to open two connections to"
    RESTART = "it can't be restarted from an address alone: use a folder or exec:"
    EARLIER = "no earlier version is given to compare with: --against REF names one of the connector's folder"
    OUTAGE = "its conformance.py has no outage()"
    THROTTLE = "its conformance.py has no throttle()"
    SECRETS = "its settings hold no secret"
    FOLDER = "it is not a folder: only a connector's folder can be checked as a package"


@dataclass(frozen=True, slots=True)
class RuleInfo:
    """One rule, as reports show it. `summary` says in one line what it checks.

    `after` are rules whose violation would explain a violation of this one: it is then shown as a consequence. `since`
    is the first edition that has the rule: for a connector that is held to an older one, it only warns. A rule that
    `explores` gets a share of the run's time instead of a number of examples: this is its weight. `examples` scales the
    profile's number of examples. `about` is the feature that the rule is about: without it, there is nothing to check.
    `fills` is about how many MiB the rule writes, if so many that every later listing takes longer where nothing can be
    removed: there, the rule runs last.
    """

    id: str
    level: Level
    sentence: str
    summary: str = ""
    needs: tuple[Need, ...] = ()
    hint: str = ""
    after: tuple[str, ...] = ()
    since: str = FIRST
    explores: float = 0.0
    examples: float = 1.0
    about: FeatureKind | None = None
    fills: float = 0.0

    @property
    def area(self) -> str:
        """The part of the id before the slash."""
        return self.id.partition("/")[0]
