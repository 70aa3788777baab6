"""An approval: which gates somebody consents to, and who that is."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import ValidationError

from tidegate.domain.base import Model

_LENGTH = 200
"""Characters that are kept of a text which somebody typed."""


class ApprovedGate(Model):
    """One gate, as the canary's status names it (`CanaryStatus.gate`).

    Without a `canary` it is meant for each that the signal reaches, without a `revision` for any.
    """

    canary: str = ""
    gate: str
    revision: str = ""

    @classmethod
    def read(cls, argument: object) -> Self:
        """What cannot be read names a gate that there is not: nothing is opened by mistake."""
        try:
            return cls.model_validate(argument)
        except ValidationError:
            return cls(gate=_line(argument))


class ApproveRequest(Model):
    """Consent to the gates that are named; without any, to the one that waits at this moment.

    `by` is an account of who consents, not a proof of it.
    """

    gates: tuple[ApprovedGate, ...] = ()
    by: str = ""

    @classmethod
    def read(cls, argument: object) -> Self:
        """A request from whatever somebody typed into the UI: a text says who approves."""
        if isinstance(argument, cls):
            return argument
        if argument is None or isinstance(argument, str):
            return cls(by=_line(argument or ""))
        if isinstance(argument, Mapping) and set(argument) <= {"gates", "by"}:
            return cls(gates=_gates(argument.get("gates")), by=_line(argument.get("by") or ""))
        return cls(gates=(ApprovedGate.read(argument),))


def _gates(argument: Any) -> tuple[ApprovedGate, ...]:
    if argument is None:
        return ()
    many = argument if isinstance(argument, list | tuple) else [argument]
    return tuple(ApprovedGate.read(each) for each in many)


def _line(argument: object) -> str:
    return " ".join(str(argument).split())[:_LENGTH]
