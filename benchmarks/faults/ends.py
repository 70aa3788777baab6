"""Ends that are right after a fault, and what a case has to see of a release that was cut off."""

from typing import Any

from tidegate.domain.release import Outcome

PROMOTED = frozenset({Outcome.PROMOTED})
ROLLED_BACK = frozenset({Outcome.ROLLED_BACK})
ABORTED = frozenset({Outcome.ABORTED})
EITHER_END = PROMOTED | ROLLED_BACK

Expected = dict[str, Any]
"""Fields of a case."""

CANCELLED: Expected = {"failures": frozenset({"CancelledError"}), "named": "cancelled in Temporal"}
"""The release was cancelled, and its canaries with it."""

TERMINATED: Expected = {"failures": frozenset({"TerminatedError"}), "named": "cancelled in Temporal"}
"""The release was terminated: it cannot say so, but Temporal has its canaries cancelled."""

STARTED_AGAIN: Expected = {"outcomes": PROMOTED | {Outcome.UNCHANGED}, "side": "new"}
"""All was terminated, and the same revision started again: there may be nothing left to do."""

RECOVERED: Expected = {
    "outcomes": frozenset({Outcome.RECOVERED, Outcome.UNCHANGED}),
    "named": "put right|nothing was wrong",
}
"""All was terminated, and `tidegate recover` was called."""
