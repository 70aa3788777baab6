"""What a release says while it works: Flagger's sentences, which its users grep for, and ours beside them."""

from collections.abc import Sequence

from tidegate.contracts import (
    ApproveRequest,
    CanaryOutcome,
    CanaryRef,
    CanaryStatus,
    ClosedGate,
    Frozen,
    Remains,
)
from tidegate.decisions.consent import Waiting
from tidegate.domain.errors import AccessDenied, InvalidInput
from tidegate.domain.hook import HookType
from tidegate.domain.plan import Bake, Purpose, Route
from tidegate.domain.release import Outcome, Phase, worst
from tidegate.domain.verdict import LoadReport, Verdict

_SUMMARY_LENGTH = 80
"""Characters of a reason; Temporal takes 400 bytes."""


DETECTED = "New revision detected, progressing canary analysis."
FINISHED = {
    Purpose.RELEASE: "Canary analysis completed successfully, promotion finished.",
    Purpose.INITIALISATION: "New workload detected, initialization completed.",
}
"""Alerts at a release's beginning and at its good end."""


def scaling_up(canary: str) -> str:
    """The target is about to run the new version."""
    return f"New revision detected! Scaling up {canary}"


def starting_analysis(canary: str) -> str:
    """The first traffic is about to reach the canary."""
    return f"Starting canary analysis for {canary}"


def routed(canary: str, route: Route, *, promoting: bool) -> str:
    """What a routing does; nothing to say where all traffic is on the primary already."""
    if promoting:
        return f"Advance {canary} primary weight {route.primary}" if route.canary else ROUTING_TO_PRIMARY
    if route.at_once:
        return "Routing all traffic to canary"
    if route.matched and route.canary == 100:
        return "Routing all matching requests to canary"
    if route.matched and route.canary:
        return f"Advance {canary} canary weight {route.canary} of matching requests"
    if route.canary:
        beside = f", baseline weight {route.baseline}" if route.baseline else ""
        return f"Advance {canary} canary weight {route.canary}{beside}"
    return f"Starting traffic mirroring to {canary}: {route.mirror} %" if route.mirror else ""


def iterated(canary: str, bake: Bake) -> str:
    """The next of several bakes of one routing begins."""
    return f"Advance {canary} canary iteration {bake.iteration}/{bake.iterations}"


def halted(canary: str, verdicts: Sequence[Verdict], failed: int, threshold: int) -> str:
    """A bake failed and will be repeated."""
    reasons = ", ".join(verdict.reason for verdict in verdicts if verdict.halts)
    return f"Halt {canary} advancement {reasons} (failed checks {failed}/{threshold})"


_GATES = {
    HookType.CONFIRM_TRAFFIC_INCREASE: "traffic increase approval",
    HookType.CONFIRM_PROMOTION: "promotion approval",
}


def waiting_for_thaw(canary: str, frozen: Frozen) -> str:
    """A release has come to its rollout in a freeze."""
    return f"Halt {canary} advancement waiting for the end of the freeze: {frozen.reason}"


def freeze_holds(ref: CanaryRef, frozen: Frozen) -> str:
    """What a frozen release waits for, and how to begin at once."""
    how = f"the signal approve (`tidegate approve {_release(ref)} --gate freeze`) overrides it"
    return f"the end of the freeze at {frozen.until:%Y-%m-%d %H:%M:%S} UTC: {frozen.reason}; {how}"


def freeze_line(frozen: Frozen) -> str:
    """A freeze that holds: "frozen until 2026-11-30 06:00:00 UTC: weekend"."""
    return f"frozen until {frozen.until:%Y-%m-%d %H:%M:%S} UTC: {frozen.reason}"


def freeze_overridden(frozen: Frozen, why: str) -> str:
    """A release begins in a freeze, as was asked for at its start."""
    return f"Freeze until {frozen.until:%Y-%m-%d %H:%M:%S} UTC ({frozen.reason}) is overridden: {why}"


def waiting_for_approvals(canary: str, gate: str) -> str:
    """A gate of approvals is come to."""
    return f"Halt {canary} advancement waiting for {gate}"


def waiting_for_approval(canary: str, kind: HookType, hook: str) -> str:
    """A gate is closed."""
    return f"Halt {canary} advancement waiting for {_GATES.get(kind, 'approval')} {hook}"


def gate_closed(ref: CanaryRef, kind: HookType, closed: ClosedGate) -> str:
    """What a gate waits for: the hook, its last answer, the next question, and how to open it."""
    again = f"asked again at {closed.again_at:%H:%M:%S} UTC"
    opens = f"the signal approve (`tidegate approve {_release(ref)}`) opens it"
    return f"{kind} hook {closed.hook}: {closed.reason}; {again}; {opens}"


def hook_failing(kind: HookType, closed: ClosedGate) -> str:
    """What a hook before the analysis holds up."""
    return f"{kind} hook {closed.hook}: {closed.reason}; called again at {closed.again_at:%H:%M:%S} UTC"


def hook_passed(kind: HookType, hook: str) -> str:
    """A hook agreed."""
    return f"{kind.capitalize()} check {hook} passed"


def hook_failed(kind: HookType, hook: str, reason: str) -> str:
    """A hook did not succeed."""
    return f"{kind} check {hook} failed {reason}"


def hook_refused(kind: HookType, hook: str, reason: str) -> str:
    """A hook said never."""
    return f"{kind} hook {hook} refuses for good: {reason}"


def rollback_asked(hook: str) -> str:
    """Why a canary turned back whose checks passed."""
    return f"rollback hook {hook} asks for it"


def approved(by: str, waiting: Waiting) -> str:
    """A person consented to a gate, which may take several."""
    if waiting.is_open:
        together = f", by {', '.join(waiting.approvals)}" if len(waiting.approvals) > 1 else ""
        return f"{_approval(by)}: gate {waiting.gate} is open{together}"
    return f"{_approval(by)}: {approvals_so_far(waiting)} of gate {waiting.gate}"


def approval_refused(by: str, waiting: Waiting) -> str:
    """Somebody consented who is not asked."""
    who = by or "nobody in particular"
    return f"Approval by {who} refused: gate {waiting.gate} is for {', '.join(waiting.approvers)} to approve"


def approvals_so_far(waiting: Waiting) -> str:
    """How far a gate's approvals have come: "1 of 2 approvals: ann"."""
    given = f": {', '.join(waiting.approvals)}" if waiting.approvals else ""
    return f"{len(waiting.approvals)} of {waiting.quorum} approvals{given}"


def approvals_wanted(ref: CanaryRef, before: str, waiting: Waiting) -> str:
    """What a gate of approvals waits for: how many have approved, who may, and how."""
    others = ", ".join(name for name in waiting.approvers if name not in waiting.approvals)
    how = f"`tidegate approve {_release(ref)} --by NAME`"
    return f"consent before {before}: {approvals_so_far(waiting)}; {others} may approve: {how}"


def approved_in_vain(request: ApproveRequest, gate: str) -> str:
    """An approval was for a gate that does not wait; `gate` is the one that does, if any."""
    meant = ", ".join(each.gate for each in request.gates)
    if not meant:
        return f"{_approval(request.by)}, but no gate waits for one"
    stays = f"; gate {gate} stays closed" if gate else ""
    return f"{_approval(request.by)} of gate {meant}, which does not wait{stays}"


_WITH_OTHER = "rolled back with "


CANARIES = "its canaries"
TOGETHER = "its canaries, which are promoted together"


def with_other(canary: str, reason: str) -> str:
    """Why a canary turned back that may have passed: another one of its release did."""
    return f"{_WITH_OTHER}{canary}: {reason}"


def waiting_for_others(waits_for: str) -> str:
    """What a canary waits for that has passed."""
    return f"the other canaries: {waits_for}"


def passed_before(canary: str, waits_for: str) -> str:
    """A canary has passed before the others of its release."""
    return f"{canary} has passed, and waits for {waiting_for_others(waits_for)}"


def hurried_before(canary: str, skipped_from: float, waits_for: str) -> str:
    """A canary has come to its meeting because a person ended its analysis."""
    came = f"{canary} goes to the meeting on request at {skipped_from} %, before its analysis was over"
    return f"{came}, and waits for {waiting_for_others(waits_for)}"


def met(canary: str, others: Sequence[str]) -> str:
    """All canaries of a release have passed, or were promoted by hand."""
    return f"{canary} and {', '.join(others)} have all come, and are promoted together"


def promoted_before(canary: str, waits_for: str) -> str:
    """A canary's primary runs the new version before those of the others do."""
    return f"{canary} runs the new version, and waits for {waiting_for_others(waits_for)}"


def stays(canary: str, others: Sequence[str]) -> str:
    """The primaries of all canaries of a release run the new version."""
    return f"{canary} and {', '.join(others)} are all promoted, and stay"


def without_others(told: str, everywhere: Sequence[CanaryRef]) -> str:
    """What failed in the destination, and that nothing was done in the further clusters."""
    others = ", ".join(ref.cluster for ref in everywhere[1:])
    return f"{told}; nothing was done in {others}" if others else told


RELEASE_GONE = "its release does not answer any more, and nobody else knows how the other canaries do"


def place(status: CanaryStatus) -> str:
    """Where a canary is, for those who wait for it."""
    at = f"paused at {status.weight} %" if status.phase is Phase.PAUSED else f"at {status.weight} %"
    return f"{at}, at the gate {status.gate}" if status.gate else at


def _approval(by: str) -> str:
    return f"Approval by {by}" if by else "Approval asked for by signal"


def waiting(canary: str, verdicts: Sequence[Verdict]) -> str:
    """A bake that showed nothing will be repeated, without counting."""
    reasons = ", ".join(verdict.reason for verdict in verdicts if verdict.halts)
    return f"Halt {canary} advancement {reasons}"


def passed(canary: str, place: str, verdicts: Sequence[Verdict]) -> str:
    """A bake passed, with its numbers; `place` is where: "at 10 %"."""
    return f"{canary} passed {place}: {', '.join(verdict.reason for verdict in verdicts)}"


def threshold_reached(canary: str, failed: int) -> str:
    """Too many bakes failed."""
    return f"Rolling back {canary} failed checks threshold reached {failed}"


def threshold_reason(verdicts: Sequence[Verdict], failed: int, threshold: int) -> str:
    """Why the analysis gave up, with the last numbers."""
    reasons = ", ".join(verdict.reason for verdict in verdicts if verdict.halts)
    return f"{failed} of {threshold} failed checks: {reasons}"


def pausing(phase: Phase) -> str:
    """A pause was asked for; from the promotion on it comes too late."""
    if phase in (Phase.PROMOTING, Phase.FINALISING, Phase.ROLLING_BACK):
        return f"Pause asked for by signal, too late: {phase} goes on to its end"
    return "Pause asked for by signal"


def rolling_back(canary: str, reason: str) -> str:
    """The release turns back."""
    return f"Rolling back {canary}: {reason}"


def keeping(canary: str, reason: str) -> str:
    """The release turns back when all of its canaries were promoted: only traffic is brought to an end."""
    return f"{canary} keeps its promotion, as all others do; all traffic to its primary: {reason}"


def copying(canary: str, target: str, namespace: str) -> str:
    """The primary takes over the new version."""
    return f"Copying {canary} template spec to {target}-primary.{namespace}"


ROUTING_TO_PRIMARY = "Routing all traffic to primary"


THE_WAY_BACK = "the way back"
"""What a canary waits for while nothing is known to be in its way."""


def not_back(canary: str, seconds: float, waiting_for: str) -> str:
    """The alarm: a rollback has not brought the traffic back."""
    late = f"Traffic of {canary} is not back on the primary after {seconds:g}s"
    if waiting_for == THE_WAY_BACK:
        return f"{late}: the mesh control plane has not taken 100/0 yet; it is tried every second"
    return f"{late}: it waits for {waiting_for}"


def back(canary: str) -> str:
    """The end of the alarm."""
    return f"Traffic of {canary} is back on the primary"


def routing_refused(failure: str, reason: str, ref: CanaryRef) -> str:
    """What the way back waits for when trying again alone will not do; `failure` is an error's name."""
    routes = f"VirtualService {ref.namespace}/{ref.service or ref.name}"
    ways_out = {
        AccessDenied.__name__: "grant the worker get, create, update and patch of"
        f" virtualservices.networking.istio.io in namespace {ref.namespace} there, or renew its credentials",
        InvalidInput.__name__: f"mend {routes}, or the webhook or policy that refuses it",
    }
    way_out = ways_out.get(failure, f"look at {routes}")
    return f"{routes} to take 100/0, which was refused: {reason}. Way out: {way_out}; it is tried again"


def next_try(reason: str) -> str:
    """The summary of a pause in which the traffic is not back."""
    return f"Route 100/0 failed; next try. {reason[:_SUMMARY_LENGTH]}"


def left_split(remains: Remains) -> str:
    """What a start found of a release that had been cut off, and puts right before anything else."""
    return f"{remains.ref.full_name} was left with {', '.join(remains.faults)}; routing it back to 100/0"


def recover_first(ref: CanaryRef) -> str:
    """Why an uninstallation did not begin."""
    return f"a release of {ref.full_name} was cut off: `tidegate recover {_release(ref)}` puts it right first"


def uninstalled(canary: str) -> str:
    """The target serves without a primary again."""
    return f"{canary} was uninstalled: its target serves all traffic by itself"


def nothing_to_uninstall(canary: str) -> str:
    """It was never released, or was uninstalled before."""
    return f"{canary}: nothing to uninstall, no release has left anything"


def uninstall_again(canary: str, reason: str, ref: CanaryRef) -> str:
    """How far an uninstallation came, and how it goes on."""
    return (
        f"{canary} is not uninstalled: {reason}; mend it, then `tidegate uninstall {_release(ref)}` goes on"
    )


def unknown_canary(name: str) -> str:
    """Somebody asked for what is not there."""
    return f"no canary {name} is known to its clusters"


def unknown_further(cluster: str) -> str:
    """Somebody asked to forget a cluster in which none of the canaries is."""
    return f"{cluster} is no further cluster of what is uninstalled"


def forgotten_cluster(cluster: str) -> str:
    """What is left where an uninstallation did not look."""
    return f"nothing was given back in cluster {cluster}, which is forgotten"


def left_undone(undone: str, reason: str, ref: CanaryRef) -> str:
    """What the way back has given up, once the traffic was safe."""
    return f"{undone}: {reason}; `tidegate recover {_release(ref)}` mends it"


def _release(ref: CanaryRef) -> str:
    """The canary's release, as commands name it."""
    owner = ref.owner
    return f"{owner.application}@{owner.cluster}/{owner.namespace}"


def with_what_is_left(reason: str, left: Sequence[str]) -> str:
    """The reason of an outcome, and what its way back has given up."""
    return "; ".join((reason, *left))


def stands(reason: str) -> str:
    """Why a canary turned back, where its promotion had been made final before."""
    return f"{reason} after its promotion, which stands"


def promoted(canary: str) -> str:
    """The primary serves the new version."""
    return f"Promotion completed! Scaling down {canary}"


def failed(canary: str) -> str:
    """The rollback is done but for the target's pods."""
    return f"Canary failed! Scaling down {canary}"


def clearing_away(canary: str) -> str:
    """The traffic and the primary are back: the target's pods may go."""
    return f"Scaling down {canary}"


def initialised(canary: str) -> str:
    """The primary serves, for the first time."""
    return f"Initialization done! {canary}"


def with_changes(reason: str, changed: Sequence[str]) -> str:
    """The reason of a plan, with what was changed around a canary whose version is the same."""
    return f"{reason}; changed around it: {'; '.join(changed)}" if changed else reason


def finished(outcome: Outcome, canary: str, plan_reason: str, skipped_from: float | None = None) -> str:
    """Why a canary that went well ended so; `skipped_from` is the weight at which a person promoted."""
    if outcome is Outcome.PROMOTED and skipped_from is not None:
        return f"{canary} was promoted on request at {skipped_from} %, before its analysis was over"
    if outcome is Outcome.PROMOTED:
        return f"{canary} passed its analysis and serves all traffic from the primary"
    if outcome is Outcome.INITIALISED:
        return f"the primary of {canary} serves all traffic; the next version will be released gradually"
    return plan_reason


def too_late(reason: str) -> str:
    """Why a canary ended well although somebody wanted it to turn back."""
    return f"{reason}; an abort or a cancellation came too late"


def load_line(load: LoadReport) -> str:
    """The load test's result in one line: "118 requests, 39.8/s, P99 4.1 ms, 200: 118"."""
    codes = ", ".join(f"{code}: {count}" for code, count in sorted(load.codes.items()))
    latency = f", P99 {load.p99_ms:.1f} ms" if load.p99_ms is not None else ""
    return f"{load.requests} requests, {load.rate:.1f}/s{latency}{', ' if codes else ''}{codes}"


def release_reason(canaries: Sequence[CanaryOutcome], objects: int) -> str:
    """Why a release ended as it did: its canary's reason, its worst ones' by name, or the sync alone."""
    if not canaries:
        return f"{objects} objects synced and healthy; no Canary among them"
    if len(canaries) == 1:
        return canaries[0].reason
    outcome = worst([canary.outcome for canary in canaries])
    if outcome.exit_code == 0:
        return ", ".join(f"{canary.canary} {canary.outcome}" for canary in canaries)
    failed = [canary for canary in canaries if canary.outcome is outcome]
    first = [canary for canary in failed if not canary.reason.startswith(_WITH_OTHER)]
    return "; ".join(map(_by_name, first)) or failed[0].reason


def _by_name(canary: CanaryOutcome) -> str:
    return f"{canary.canary}: {canary.reason}"


def left_to_say(canary: CanaryOutcome, told: str) -> str:
    """What a canary's reason adds to its release's, which has been `told`; empty when nothing."""
    if not canary.reason.startswith(_WITH_OTHER):
        return "" if _by_name(canary) in told else canary.reason
    other, _, reason = canary.reason.removeprefix(_WITH_OTHER).partition(": ")
    if canary.reason in told:
        return ""
    return f"with {other}" if reason in told else canary.reason


def half_released(canaries: Sequence[CanaryOutcome]) -> tuple[str, ...]:
    """Which canaries of a coordinated release were promoted and which not; nothing when all or none were."""
    promoted = [canary.canary for canary in canaries if canary.outcome is Outcome.PROMOTED]
    not_so = [canary.canary for canary in canaries if canary.outcome in _NOT_PROMOTED]
    if not promoted or not not_so:
        return ()
    return (f"half-released: {', '.join(promoted)} promoted, {', '.join(not_so)} not",)


_NOT_PROMOTED = (Outcome.ROLLED_BACK, Outcome.FAILED, Outcome.ABORTED, Outcome.SUPERSEDED)


def recovery_reason(canaries: Sequence[CanaryOutcome], application: str) -> str:
    """What a recovery came to, canary by canary."""
    if not canaries:
        return f"no canary of {application} is known to its clusters"
    return "; ".join(canary.reason for canary in canaries)
