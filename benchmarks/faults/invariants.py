"""What has to hold after every fault, as sentences about what does not."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from benchmarks.faults.application import BASELINE, CANARY, PRIMARY, Application, version_of
from benchmarks.faults.case import USUAL, Case, Kind
from benchmarks.faults.release import Release
from benchmarks.gateway import Answer
from benchmarks.installation import NAME
from tidegate.contracts import STATUS, ReleaseStatus
from tidegate.domain.marks import ROLLBACK, annotations
from tidegate.domain.release import Outcome
from tidegate.manifests.primary import rollout_of
from tidegate.sandbox.client import NotFoundError, Object

BROKEN_STATUSES = frozenset({"400", "409", "500"})
"""What a broken version answers; no other part of the scene answers so."""

NEW_SIDE = frozenset({Outcome.PROMOTED, Outcome.INITIALISED})
FOLLOWING_SECONDS = 3.0
"""How long Envoy may take to follow its routes."""

SETTLING_SECONDS = 15.0
"""How long pods may take to end after a release has said that it is over; podinfo's serve on for 3 s."""

Violations = list[str]


async def check(release: Release, case: Case) -> Violations:
    """Everything that the case's release broke; empty when the fault was survived.

    Envoy and the pods get a few seconds to settle, which a release does not wait for.
    """
    violations = await _ended(release, case)
    if not (case.waiting or case.all_lost):
        violations += await _settled(lambda: _traffic(release.application), FOLLOWING_SECONDS)
        violations += await _settled(lambda: _workload(release, case), SETTLING_SECONDS)
    violations += _promoted_once(release)
    violations += _failed_requests(release, case)
    missed = case.may_be_missed and release.outcome and release.outcome.outcome is USUAL[case.kind]
    if case.named and not missed and not re.search(case.named, release.said(), re.IGNORECASE):
        violations.append(f"nothing that it says names the fault ({case.named})")
    return violations


async def _ended(release: Release, case: Case) -> Violations:
    if release.outcome is None and not release.failure:
        return await _waits(release, case)
    if case.waiting:
        return [f"it was expected to wait, and ended: {release.said().splitlines()[0]}"]
    if release.outcome is None:
        right = release.failure in case.failures
        return [] if right else [f"it has no outcome: {release.failure}"]
    wanted = case.outcomes or frozenset({USUAL[case.kind]})
    found = release.outcome
    return [] if found.outcome in wanted else [f"it ended as {found.outcome}: {found.reason}"]


async def _waits(release: Release, case: Case) -> Violations:
    if not case.waiting:
        return ["it has not ended"]
    status: ReleaseStatus = await release.handle.query(STATUS, result_type=ReleaseStatus)
    return [] if status.waiting_for else ["it has not ended, and does not say what it waits for"]


async def _settled(look: Callable[[], Awaitable[Violations]], seconds: float) -> Violations:
    """What is still wrong when there was time to settle."""
    deadline = time.monotonic() + seconds
    while (found := await look()) and time.monotonic() < deadline:  # noqa: ASYNC110 - processes set no event
        await asyncio.sleep(0.1)
    return found


async def _workload(release: Release, case: Case) -> Violations:
    application = release.application
    try:
        primary = await application.deployment(PRIMARY)
        target = None if case.target_lost else await application.deployment(NAME)
    except NotFoundError as error:
        return [str(error)]
    return [
        *_primary(release, case, primary, target),
        *await _baseline(application),
        *(_target(target, await application.pods()) if target else ()),
    ]


async def _baseline(application: Application) -> Violations:
    """None stands between releases, whoever made it."""
    try:
        live = await application.deployment(BASELINE)
    except NotFoundError:
        return []
    return [f"{live['metadata']['name']} is left with {live['spec'].get('replicas')} replicas"]


async def _traffic(application: Application) -> Violations:
    violations = []
    share = await application.envoy_share()
    if share != 0:
        violations.append(f"Envoy gives the canary {'no route' if share is None else f'{share} %'}")
    try:
        routes = (await application.virtual_service())["spec"]["http"]
    except NotFoundError as error:
        return [*violations, str(error)]
    for route in routes:
        weights = {_service(each): each.get("weight", 100) for each in route["route"]}
        if (weights.get(PRIMARY), weights.get(CANARY, 0)) != (100, 0):
            violations.append(f"the VirtualService has weights {weights}")
    return violations


def _service(part: Object) -> str:
    """A destination's Service, where another writer has written its host in full."""
    host: str = part["destination"]["host"]
    return host.partition(".")[0]


def _primary(release: Release, case: Case, primary: Object, target: Object | None) -> Violations:
    violations = []
    # Without the target, its version has to do.
    new = rollout_of(target)["template"] if target else primary["spec"]["template"]
    sides = {"old": release.before.get("template"), "new": new}
    side = case.side or _side(release.outcome.outcome if release.outcome else None)
    if side:
        sides = {side: sides[side]}
    if target is None and "new" in sides and version_of(primary) not in (release.old, release.new):
        violations.append(f"the primary runs {version_of(primary)}")
    if primary["spec"]["template"] not in sides.values():
        wanted = " or the ".join(sides)
        violations.append(f"the primary's template is not exactly the {wanted} one: {version_of(primary)}")
    if ROLLBACK in annotations(primary):
        violations.append("the primary still has the record of an unfinished promotion")
    status, replicas = primary.get("status") or {}, primary["spec"]["replicas"]
    ready = [status.get(field, 0) for field in ("replicas", "updatedReplicas", "readyReplicas")]
    if ready != [replicas] * 3:
        violations.append(f"the primary's pods do not all run it: {ready} of {replicas}")
    return violations


def _side(outcome: Outcome | None) -> str:
    """What the primary runs after such an end; "" where that is either."""
    if outcome in (None, Outcome.UNCHANGED, Outcome.RECOVERED):
        return ""
    return "new" if outcome in NEW_SIDE else "old"


def _target(target: Object, pods: Sequence[Object]) -> Violations:
    labels = target["spec"]["selector"]["matchLabels"].items()
    left = [pod["metadata"]["name"] for pod in pods if labels <= pod["metadata"]["labels"].items()]
    violations = [f"the target still has pods: {', '.join(left)}"] if left else []
    if target["spec"].get("replicas") != 0:
        violations.append(f"the target is at {target['spec'].get('replicas')} replicas, not at zero")
    return violations


def _promoted_once(release: Release) -> Violations:
    """Each run may give the primary the new template once at most, and the old one again once."""
    seen = release.application.templates[max(0, release.first_template - 1) :]
    times = Counter(seen)
    if times[release.new] > release.runs or len(seen) > 1 + 2 * release.runs:
        return [f"the primary's template went {' -> '.join(seen)}"]
    return []


def _failed_requests(release: Release, case: Case) -> Violations:
    answers = release.answers()
    failed = Counter(
        answer.failure
        for answer in answers
        if answer.failure and not _excused(answer, release) and not case.allowed(answer)
    )
    return [f"{sum(failed.values())} of {len(answers)} requests failed: {dict(failed)}"] if failed else []


def _excused(answer: Answer, release: Release) -> bool:
    """Whether the broken version itself answered so."""
    return release.kind is Kind.BAD and answer.by_pod and answer.failure in BROKEN_STATUSES
