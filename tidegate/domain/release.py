"""Where a release stands, and how it ended."""

from enum import StrEnum


class Phase(StrEnum):
    """The phases of a release and of a canary; Flagger's words where it has one."""

    QUEUED = "Queued"
    RESOLVING = "Resolving"
    SYNCING = "Syncing"
    RELEASING = "Releasing"
    INITIALIZING = "Initializing"
    PROGRESSING = "Progressing"
    PAUSED = "Paused"
    WAITING = "Waiting"
    WAITING_PROMOTION = "WaitingPromotion"
    PROMOTING = "Promoting"
    FINALISING = "Finalising"
    ROLLING_BACK = "RollingBack"
    RECOVERING = "Recovering"
    UNINSTALLING = "Uninstalling"
    INITIALIZED = "Initialized"
    SUCCEEDED = "Succeeded"
    UNCHANGED = "Unchanged"
    RECOVERED = "Recovered"
    UNINSTALLED = "Uninstalled"
    FAILED = "Failed"
    ABORTED = "Aborted"
    SUPERSEDED = "Superseded"
    INVALID = "Invalid"

    @property
    def flaggers(self) -> str:
        """Flagger's word for the phase of a canary: it has none for what people and other revisions do."""
        return _FLAGGERS.get(self, self).value


_FLAGGERS = {
    Phase.PAUSED: Phase.PROGRESSING,
    Phase.ROLLING_BACK: Phase.PROGRESSING,
    Phase.UNCHANGED: Phase.SUCCEEDED,
    Phase.RECOVERED: Phase.FAILED,
    Phase.UNINSTALLED: Phase.SUCCEEDED,
    Phase.ABORTED: Phase.FAILED,
    Phase.SUPERSEDED: Phase.FAILED,
    Phase.INVALID: Phase.FAILED,
}


class Outcome(StrEnum):
    """How a release ended. The starter's exit code follows from it."""

    PROMOTED = "promoted"
    INITIALISED = "initialised"
    UNCHANGED = "unchanged"
    RECOVERED = "recovered"
    UNINSTALLED = "uninstalled"
    ROLLED_BACK = "rolled back"
    FAILED = "failed"
    INVALID = "invalid"
    ABORTED = "aborted"
    SUPERSEDED = "superseded"

    @property
    def exit_code(self) -> int:
        """0: the new version, unchanged, put right or given back; 1: the old one; 2: bad input; 3: ended."""
        return _EXIT_CODES[self]

    @property
    def phase(self) -> Phase:
        """The phase in which a release that ended so stays."""
        return _LAST_PHASES[self]


_EXIT_CODES = {
    Outcome.PROMOTED: 0,
    Outcome.INITIALISED: 0,
    Outcome.UNCHANGED: 0,
    Outcome.RECOVERED: 0,
    Outcome.UNINSTALLED: 0,
    Outcome.ROLLED_BACK: 1,
    Outcome.FAILED: 1,
    Outcome.INVALID: 2,
    Outcome.ABORTED: 3,
    Outcome.SUPERSEDED: 3,
}

_LAST_PHASES = {
    Outcome.PROMOTED: Phase.SUCCEEDED,
    Outcome.INITIALISED: Phase.INITIALIZED,
    Outcome.UNCHANGED: Phase.UNCHANGED,
    Outcome.RECOVERED: Phase.RECOVERED,
    Outcome.UNINSTALLED: Phase.UNINSTALLED,
    Outcome.ROLLED_BACK: Phase.FAILED,
    Outcome.FAILED: Phase.FAILED,
    Outcome.INVALID: Phase.INVALID,
    Outcome.ABORTED: Phase.ABORTED,
    Outcome.SUPERSEDED: Phase.SUPERSEDED,
}

SEVERITY = (
    Outcome.INVALID,
    Outcome.FAILED,
    Outcome.ROLLED_BACK,
    Outcome.ABORTED,
    Outcome.SUPERSEDED,
    Outcome.PROMOTED,
    Outcome.INITIALISED,
    Outcome.RECOVERED,
    Outcome.UNINSTALLED,
    Outcome.UNCHANGED,
)
"""Worst first: a release of several canaries ended as its worst canary did."""


def worst(outcomes: list[Outcome]) -> Outcome:
    """The outcome of a whole that has these parts; nothing to release means promoted by the sync alone."""
    return min(outcomes, key=SEVERITY.index, default=Outcome.PROMOTED)
