"""What a check found: a verdict, always with a reason and, where there is one, the value."""

from enum import StrEnum

from tidegate.domain.base import Model


class Result(StrEnum):
    """Inconclusive: the check could not say, for want of traffic, data or an answer."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"


class Missing(StrEnum):
    """What an inconclusive check wanted."""

    TRAFFIC = "traffic"
    DATA = "data"
    ANSWER = "answer"
    SAMPLES = "samples"


class Verdict(Model):
    """One check's answer for one bake. `reason` reads on its own: "success rate 98.69% < 99%".

    `missing` says why it is inconclusive. One that `waits` is asked again, and counts as nothing. That of a
    `dry_run` is told, and nothing more.
    """

    check: str
    result: Result
    reason: str
    value: float | None = None
    unit: str = ""
    missing: Missing | None = None
    waits: bool = False
    dry_run: bool = False

    @property
    def passed(self) -> bool:
        """Whether the value is there and in its range."""
        return self.result is Result.PASSED

    @property
    def halts(self) -> bool:
        """Only a pass lets the release advance; Flagger counts everything else as failed."""
        return not self.passed and not self.dry_run


class LoadReport(Model):
    """What a bake's load test sent and got. Latencies in milliseconds."""

    requests: int = 0
    seconds: float = 0.0
    rate: float = 0.0
    codes: dict[str, int] = {}
    p50_ms: float | None = None
    p90_ms: float | None = None
    p99_ms: float | None = None
