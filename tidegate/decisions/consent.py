"""What an approval comes to: it counts for the gate that it names, and for no other."""

from enum import StrEnum

from tidegate.contracts import ApproveRequest


class Ruling(StrEnum):
    """What becomes of an approval."""

    OPENS = "opens"
    REPEATED = "repeated"
    ELSEWHERE = "elsewhere"
    """It is for a gate that does not wait, be it over or yet to come."""
    UNCONCERNED = "unconcerned"
    """It is for other canaries."""


def ruling(request: ApproveRequest, *, canary: str, revision: str, gate: str, approved: bool) -> Ruling:
    """What an approval is to a canary that waits at a gate (empty: at none), which may be `approved` already.

    One that names no gate counts for the gate that waits.
    """
    meant = [each for each in request.gates if each.canary in ("", canary)]
    if request.gates and not meant:
        return Ruling.UNCONCERNED
    if not gate or (
        meant and not any(each.gate == gate and each.revision in ("", revision) for each in meant)
    ):
        return Ruling.ELSEWHERE
    return Ruling.REPEATED if approved else Ruling.OPENS
