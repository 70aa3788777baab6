"""What is new between two looks at a release, as lines for a log."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from tidegate.cli.observation import Observation
from tidegate.cli.words import NO_WORKER, failed_checks, load_line, short, split, stage_line, verdict_line
from tidegate.contracts import CanaryStatus, ReleaseStatus
from tidegate.domain.release import Phase


class Line(NamedTuple):
    """What is new. `at` is when it happened, where the release says so; else it is seen only now."""

    text: str
    at: datetime | None = None


def changes(before: Observation | None, now: Observation) -> list[Line]:
    """The lines that a reader of all earlier lines still needs; none when nothing changed."""
    if before is not None and before.run_id != now.run_id:
        before = None
    return [*map(Line, _release(before, now)), *_canaries(before, now), *map(Line, _retries(before, now))]


def _release(before: Observation | None, now: Observation) -> Iterator[str]:
    release = now.release
    if release is None:
        if (before is None or before.worker_answers) and not now.closed_as:
            yield NO_WORKER
        return
    old = before.release if before else None
    if old is None or (old.phase, old.sha, old.paused) != (release.phase, release.sha, release.paused):
        yield _release_line(release)
    if release.waiting_for and (old is None or old.waiting_for != release.waiting_for):
        yield f"waits for {release.waiting_for}"
    seen_queue, seen_warnings = (old.queued, old.warnings) if old else ((), ())
    yield from (f"queued behind it: {short(each)}" for each in release.queued if each not in seen_queue)
    yield from (f"warning: {each}" for each in release.warnings if each not in seen_warnings)


def _release_line(release: ReleaseStatus) -> str:
    paused = ", paused" if release.paused else ""
    revision = short(release.sha or release.revision)
    return (
        f"{release.application} {revision} to {release.cluster}/{release.namespace}: {release.phase}{paused}"
    )


def _canaries(before: Observation | None, now: Observation) -> Iterator[Line]:
    known = {status.canary: status for status in before.canaries} if before else {}
    for status in now.canaries:
        old = known.get(status.canary)
        for line in (*_notes(old, status), *map(Line, _canary(old, status))):
            yield Line(f"{status.canary}: {line.text}", line.at)


def _notes(old: CanaryStatus | None, now: CanaryStatus) -> Iterator[Line]:
    seen = {(note.at, note.text) for note in old.notes} if old else set()
    for note in now.notes:
        if (note.at, note.text) not in seen:
            yield Line(f"{'warning: ' if note.warning else ''}{note.text}", note.at)


def _canary(old: CanaryStatus | None, now: CanaryStatus) -> Iterator[str]:
    if old is None or old.phase is not now.phase or old.paused != now.paused:
        yield _phase_line(now)
    if now.outcome is None and (old is None or (old.stage, old.doing) != (now.stage, now.doing)):
        yield f"{stage_line(now)}; traffic {split(now)}"
    elif old is not None and (old.weight, old.baseline) != (now.weight, now.baseline):
        yield f"traffic {split(now)}"
    if now.load is not None and (old is None or old.load != now.load):
        yield f"load: {load_line(now.load)}"
    if old is None or old.verdicts != now.verdicts:
        yield from map(verdict_line, now.verdicts)
    if now.failed_checks and (old is None or old.failed_checks != now.failed_checks):
        yield failed_checks(now)
    if now.waiting_for and (old is None or old.waiting_for != now.waiting_for):
        yield f"waits for {now.waiting_for}"


def _phase_line(now: CanaryStatus) -> str:
    paused = ", paused" if now.paused and now.phase is not Phase.PAUSED else ""
    stays = f"; traffic stays {split(now)}" if now.paused else ""
    return f"{now.phase}{paused}{stays}"


def _retries(before: Observation | None, now: Observation) -> Iterator[str]:
    known = set(before.retries) if before else set()
    for retry in now.retries:
        if retry not in known:
            yield f"retrying {retry.activity}, attempt {retry.attempt}: {retry.failure}"
