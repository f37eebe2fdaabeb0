"""How a connector is reached of which only its declaration is known."""

from dataclasses import dataclass

from dsync_kit.conformance.calls.driver import Driver
from dsync_kit.conformance.calls.settling import Settling
from dsync_kit.conformance.subject.data import Data
from dsync_kit.conformance.subject.declared import Declared
from dsync_kit.conformance.subject.liveness import Liveness
from dsync_kit.conformance.subject.namespaces import Namespaces
from dsync_kit.conformance.subject.remembered import Remembered

__all__ = ["Access"]


@dataclass(frozen=True, slots=True)
class Access:
    """How a connector is reached of which only its declaration is known."""

    declared: Declared
    data: Data
    namespaces: Namespaces
    driver: Driver
    liveness: Liveness
    remembered: Remembered
    settling: Settling
