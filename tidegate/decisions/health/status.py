"""Health: a status with the message that explains it, in Argo CD's words and its order of severity."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from tidegate.domain.manifest import dig, number

Object = Mapping[str, Any]


class Status(StrEnum):
    """From the best to the worst."""

    HEALTHY = "Healthy"
    SUSPENDED = "Suspended"
    PROGRESSING = "Progressing"
    MISSING = "Missing"
    DEGRADED = "Degraded"
    UNKNOWN = "Unknown"

    @property
    def severity(self) -> int:
        """The place in the order, 0 for Healthy."""
        return list(Status).index(self)

    @property
    def settled(self) -> bool:
        """Whether a sync need not wait any longer: the object is well, or rests by somebody's will."""
        return self in (Status.HEALTHY, Status.SUSPENDED)


class Health(NamedTuple):
    """One object's health; the message may be empty where the status says all."""

    status: Status
    message: str = ""


def healthy(message: str = "") -> Health:
    """As it should be."""
    return Health(Status.HEALTHY, message)


def suspended(message: str) -> Health:
    """Rests by somebody's will."""
    return Health(Status.SUSPENDED, message)


def progressing(message: str) -> Health:
    """Not there yet, and may get there by itself."""
    return Health(Status.PROGRESSING, message)


def degraded(message: str) -> Health:
    """Failed, or did not get there in time."""
    return Health(Status.DEGRADED, message)


def condition(obj: Object, kind: str) -> Mapping[str, Any]:
    """The condition of that type; an empty one when the object has none."""
    for each in dig(obj, "status", "conditions") or ():
        if each.get("type") == kind:
            return dict(each)
    return {}


def observed(obj: Object) -> bool:
    """Whether the controller has seen the object's present spec."""
    return number(obj, "status", "observedGeneration") >= number(obj, "metadata", "generation")


UNOBSERVED = progressing("its controller has not seen the new spec yet")
