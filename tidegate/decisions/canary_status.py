"""The status of a Canary object, in Flagger's fields and words: what `kubectl get canaries` reads.

Unlike Flagger's, the weight is what the canary really gets, also while a promotion waits for consent.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from tidegate.contracts import PublishCommand
from tidegate.domain.plan import Published
from tidegate.domain.release import Phase

CONDITION = "Promoted"

Status = dict[str, Any]

_PHASES = {
    Phase.INITIALIZING: ("Unknown", "New workload detected, initializing."),
    Phase.INITIALIZED: ("True", "Initialization completed."),
    Phase.WAITING: ("Unknown", "Waiting for approval."),
    Phase.PROGRESSING: ("Unknown", "New revision detected, progressing canary analysis."),
    Phase.WAITING_PROMOTION: ("Unknown", "Waiting for approval of the promotion."),
    Phase.PROMOTING: ("Unknown", "Canary analysis completed, the primary takes over the new revision."),
    Phase.FINALISING: ("Unknown", "The primary runs the new revision, routing all traffic to it."),
    Phase.SUCCEEDED: ("True", "Canary analysis completed successfully, promotion finished."),
    Phase.FAILED: ("False", "Canary analysis failed, all traffic is on the primary."),
}
"""Of each of Flagger's phases: whether it is promoted, and that in words."""

UNDER_WAY = tuple(phase.value for phase, (promoted, _) in _PHASES.items() if promoted == "Unknown")
_PROMOTED = (Phase.INITIALIZED, Phase.SUCCEEDED)
_ITERATING = (Phase.PROGRESSING, Phase.WAITING, Phase.WAITING_PROMOTION)


def canary_status(command: PublishCommand, before: object) -> Status:
    """The status after the command, given the one before: the very same where there is nothing to change."""
    known: Status = dict(before) if isinstance(before, Mapping) else {}
    if _is_later(known, command.at):
        return known
    told, published = command.standing, command.published
    phase = _phase(told.phase, known)
    status = known | {
        "phase": phase.value,
        "canaryWeight": told.weight,
        "failedChecks": told.failed_checks,
        "iterations": told.iterations if phase in _ITERATING else 0,
        "lastAppliedSpec": published.revision,
        "lastPromotedSpec": published.revision if phase in _PROMOTED else published.promoted,
        "trackedConfigs": _tracked(published),
    }
    promoted, words = _PHASES[phase]
    return _dated(status, known, (promoted, told.reason or words), command.at)


def ended_status(before: Status, runs: str | None, at: datetime) -> Status:
    """The status of a canary that nobody looks after any more; the same where it was not under way.

    `runs` is the hash of what the primary runs: whether what was applied is what was promoted. None: a
    promotion that does not stand was not undone yet.
    """
    if before.get("phase") not in UNDER_WAY or _is_later(before, at):
        return before
    phase = Phase.SUCCEEDED if runs and runs == before.get("lastAppliedSpec") else Phase.FAILED
    promoted = before.get("lastPromotedSpec") if runs is None else runs
    status = before | {"phase": phase.value, "canaryWeight": 0, "iterations": 0, "lastPromotedSpec": promoted}
    return _dated(status, before, _PHASES[phase], at)


def terminated_status(before: Status, at: datetime) -> Status:
    """The status of a canary whose objects were given back; the same where none was kept."""
    if not before.get("phase") or _is_later(before, at):
        return before
    status = before | {"phase": "Terminated", "canaryWeight": 0, "iterations": 0}
    return _dated(status, before, ("Unknown", "Uninstalled: the target serves by itself."), at)


def _phase(phase: Phase, before: Status) -> Phase:
    """Without anything to release, what was promoted before stays so."""
    word = Phase(phase.flaggers)
    if phase is Phase.UNCHANGED and before.get("phase") == Phase.INITIALIZED.value:
        return Phase.INITIALIZED
    return word if word in _PHASES else Phase.PROGRESSING


def _dated(status: Status, before: Status, promoted: tuple[str, str], at: datetime) -> Status:
    """The status with its condition and times; the one before where only the time differs."""
    old = _condition(before)
    condition = {
        "type": CONDITION,
        "status": promoted[0],
        "reason": status["phase"],
        "message": promoted[1],
        "lastUpdateTime": old.get("lastUpdateTime"),
        "lastTransitionTime": old.get("lastTransitionTime"),
    }
    if status | {"conditions": before.get("conditions")} == before and condition == old:
        return before
    condition["lastUpdateTime"] = at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if old.get("status") != promoted[0]:
        condition["lastTransitionTime"] = rfc3339(at)
    others = [each for each in _conditions(before) if each.get("type") != CONDITION]
    return status | {"conditions": [*others, condition], "lastTransitionTime": rfc3339(at)}


def rfc3339(at: datetime) -> str:
    """A time as Kubernetes writes most: whole seconds."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _is_later(status: Status, at: datetime) -> bool:
    """Whether a status of ours was shown after that moment: a late attempt must not go back to what was."""
    try:
        shown = datetime.fromisoformat(str(_condition(status).get("lastUpdateTime")))
    except ValueError:
        return False
    return shown.tzinfo is not None and shown.microsecond > 0 and shown > at


def _condition(status: Status) -> Status:
    return next((each for each in _conditions(status) if each.get("type") == CONDITION), {})


def _conditions(status: Status) -> list[Status]:
    found = status.get("conditions")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _tracked(published: Published) -> dict[str, str]:
    """ "ConfigMap flags" -> Flagger's "configmap/flags"."""
    items = ((*name.partition(" "), digest) for name, digest in published.configuration.items())
    return {f"{kind.lower()}/{name}": digest for kind, _, name, digest in items}
