"""What an approval comes to: it counts for the gate that it names, and for no other."""

from enum import StrEnum
from typing import Self

from tidegate.contracts import ApproveRequest
from tidegate.domain.base import Model


class Waiting(Model):
    """A gate that waits (without a name: none does), and who has consented to it.

    It is open when `quorum` different persons have; without `approvers` anybody may. With `by_name`, one
    that names no gate does not count: it may have been meant for the one before.
    """

    gate: str = ""
    quorum: int = 1
    approvers: tuple[str, ...] = ()
    approvals: tuple[str, ...] = ()
    by_name: bool = False

    @property
    def is_open(self) -> bool:
        """Whether enough have consented."""
        return bool(self.gate) and len(self.approvals) >= self.quorum

    def approved_by(self, name: str) -> Self:
        """The same with one approval more."""
        return self.model_copy(update={"approvals": (*self.approvals, name)})


class Ruling(StrEnum):
    """What becomes of an approval."""

    COUNTS = "counts"
    """One of several that it takes, and the last one opens the gate."""
    REPEATED = "repeated"
    STRANGER = "stranger"
    """It is by somebody who is not asked."""
    ELSEWHERE = "elsewhere"
    """It is for a gate that does not wait, be it over or yet to come."""
    UNCONCERNED = "unconcerned"
    """It is for other canaries."""


def ruling(request: ApproveRequest, waiting: Waiting, *, canary: str, revision: str) -> Ruling:
    """What an approval is to a canary that waits at a gate, or at none.

    One that names no gate counts for the gate that waits, unless that one wants to be named.
    """
    meant = [each for each in request.gates if each.canary in ("", canary)]
    if request.gates and not meant:
        return Ruling.UNCONCERNED
    named = any(each.gate == waiting.gate and each.revision in ("", revision) for each in meant)
    if not waiting.gate or ((meant or waiting.by_name) and not named):
        return Ruling.ELSEWHERE
    if waiting.approvers and request.by not in waiting.approvers:
        return Ruling.STRANGER
    repeated = waiting.is_open or request.by in waiting.approvals
    return Ruling.REPEATED if repeated else Ruling.COUNTS
