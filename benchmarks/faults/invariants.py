"""What has to hold after every fault, as sentences about what does not."""

import asyncio
import contextlib
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from benchmarks.faults.canary import Canary, version_of
from benchmarks.faults.case import USUAL, Case, Kind
from benchmarks.faults.owner import given_back
from benchmarks.faults.release import Release
from benchmarks.faults.standing import Violations, traffic, workload
from benchmarks.gateway import Answer
from benchmarks.installation import CLUSTER
from tidegate.contracts import STATUS, ReleaseStatus
from tidegate.domain.release import Outcome
from tidegate.sandbox.client import NotFoundError

BROKEN_STATUSES = frozenset({"400", "409", "500"})
"""What a broken version answers; no other part of the scene answers so."""

NEW_SIDE = frozenset({Outcome.PROMOTED, Outcome.INITIALISED})
FOLLOWING_SECONDS = 3.0
"""How long Envoy may take to follow its routes."""

SETTLING_SECONDS = 15.0
"""How long pods may take to end after a release has said that it is over; podinfo's serve on for 3 s."""


async def check(release: Release, case: Case) -> Violations:
    """Everything that the case's release broke; empty when the fault was survived.

    Envoy and the pods get a few seconds to settle, which a release does not wait for.
    """
    violations = await _ended(release, case)
    if case.kind is Kind.UNINSTALLED:
        violations += await _given_back(release)
    elif not (case.waiting or case.all_lost):
        violations += await _stands(release, case)
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
        end = release.outcome.reason if release.outcome else release.failure
        return [f"it was expected to wait, and ended: {end}"]
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


async def _stands(release: Release, case: Case) -> Violations:
    """What is wrong with any canary of its application, wherever that runs."""
    canaries = release.application.canaries
    violations = []
    for canary in canaries:
        violations += _of(canary, release, await _settled(partial(traffic, canary), FOLLOWING_SECONDS))
        for cluster in canary.clusters:
            look = partial(
                workload, canary, cluster, _sides(release, case, canary, cluster), case.target_lost
            )
            violations += _of(canary, release, await _settled(look, SETTLING_SECONDS), cluster)
    return [*violations, *await together(release)]


async def _given_back(release: Release) -> Violations:
    """What the application's owner has not got back."""
    violations = []
    for canary in release.application.canaries:
        for cluster in canary.clusters:
            look = partial(given_back, canary, cluster, _served(release, canary, cluster))
            violations += _of(canary, release, await _settled(look, SETTLING_SECONDS), cluster)
    return violations


def _served(release: Release, canary: Canary, cluster: str) -> dict[str, Any]:
    """The target's template with what its primary ran before."""
    target: dict[str, Any]
    target, primary = (each[canary.name, cluster] for each in (release.targets, release.before))
    return target | {"spec": target["spec"] | {"containers": primary["spec"]["containers"]}}


def _of(canary: Canary, release: Release, violations: Violations, cluster: str = CLUSTER) -> Violations:
    """The same, with whose they are where the application has several."""
    names = [canary.name] if len(release.application.canaries) > 1 else []
    names += [cluster] if cluster != CLUSTER else []
    return [": ".join((*names, each)) for each in violations]


def _sides(release: Release, case: Case, canary: Canary, cluster: str) -> dict[str, Any]:
    """What its primary may run by now."""
    sides = {"old": release.before.get((canary.name, cluster)), "new": None}
    side = case.side or _side(release.outcome.outcome if release.outcome else None)
    return {side: sides[side]} if side else sides


async def together(release: Release) -> Violations:
    """Every primary of the application runs the same version, which is the old one or the new one.

    One that is missing is told by itself.
    """
    running: dict[str, str] = {}
    for canary in release.application.canaries:
        with contextlib.suppress(NotFoundError):
            for cluster, primary in (await canary.primaries()).items():
                running[f"{canary.name} in {cluster}"] = version_of(primary)
    strange = set(running.values()) - {release.old, release.new}
    if strange:
        return [f"the primary runs {', '.join(strange)}"]
    if len(set(running.values())) > 1:
        mixed = ", ".join(f"{name} {version}" for name, version in running.items())
        return [f"the primaries run different versions: {mixed}"]
    return []


def _side(outcome: Outcome | None) -> str:
    """What the primary runs after such an end; "" where that is either."""
    if outcome in (None, Outcome.UNCHANGED, Outcome.RECOVERED):
        return ""
    return "new" if outcome in NEW_SIDE else "old"


def _promoted_once(release: Release) -> Violations:
    """Each run may give a primary the new template once at most, and the old one again once."""
    violations = []
    for canary in release.application.canaries:
        for cluster in canary.clusters:
            seen = release.templates(canary, cluster)
            if Counter(seen)[release.new] > release.runs or len(seen) > 1 + 2 * release.runs:
                violations += _of(
                    canary, release, [f"the primary's template went {' -> '.join(seen)}"], cluster
                )
    return violations


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
