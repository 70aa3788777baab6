"""Runs cases one after another in a scene, and says what became of each."""

import asyncio
import contextlib
import time
import traceback

from pydantic import BaseModel

from benchmarks.faults.case import Case, Kind
from benchmarks.faults.invariants import check
from benchmarks.faults.release import Release
from benchmarks.faults.safety import seconds_to_safety
from benchmarks.faults.scene import Scene

AFTERMATH_SECONDS = 0.3
"""Visitors go on for so long after a release's end, so that a late failure is seen."""


class Result(BaseModel):
    """What became of one case; it was survived when there are no violations."""

    name: str
    group: str
    kind: str
    violations: tuple[str, ...]
    outcome: str = ""
    reason: str = ""
    seconds: float = 0.0
    """Of the release, from its start to its end."""
    seconds_to_safety: float = 0.0
    requests: int = 0

    @property
    def survived(self) -> bool:
        """Whether nothing was broken."""
        return not self.violations


async def run(scene: Scene, case: Case) -> Result:
    """Run one case. Whatever goes wrong in it is a violation; the scene is fit for the next one then."""
    if case.fresh:
        await scene.new_application(initialised=False)
    if case.prepare:
        await case.prepare(scene)
    release = await scene.begin(case.kind, case.analysis, case.container, case.policy)
    if case.fresh:
        await scene.observe()
    try:
        violations = await _suffer(scene, release, case)
    except Exception as error:
        violations = [f"{type(error).__name__}: {error}: {traceback.format_exc(limit=-2)}"]
    result = _result(release, case, violations)
    await _tidy(scene, release, case, result)
    return result


async def _suffer(scene: Scene, release: Release, case: Case) -> list[str]:
    await case.inject(scene, release)
    release.fault_began = release.fault_began or release.began
    release.fault_ended = release.fault_ended or time.monotonic()
    with contextlib.suppress(TimeoutError):
        await release.ended(within=case.patience)
    await asyncio.sleep(AFTERMATH_SECONDS)
    return await check(release, case)


def _result(release: Release, case: Case, violations: list[str]) -> Result:
    outcome = release.outcome
    return Result(
        name=case.name,
        group=case.group,
        kind=case.kind,
        violations=tuple(violations),
        outcome=str(outcome.outcome) if outcome else release.failure,
        reason=outcome.reason if outcome else "",
        seconds=round(time.monotonic() - release.began, 3),
        seconds_to_safety=round(seconds_to_safety(release), 3),
        requests=len(release.answers()),
    )


async def _tidy(scene: Scene, release: Release, case: Case, result: Result) -> None:
    """An application that a case has harmed or left waiting is replaced."""
    if release.aborting is not None:
        release.aborting.cancel()
        await asyncio.gather(release.aborting, return_exceptions=True)
    await release.follower.stop()
    await scene.settle()
    if result.survived and not _spoils(case):
        return
    await scene.end_releases()
    await scene.new_application()


def _spoils(case: Case) -> bool:
    """Whether its application is not fit for another case, even when all went well."""
    gone = case.kind is Kind.UNINSTALLED
    return gone or case.fresh or case.waiting or case.target_lost or case.all_lost
