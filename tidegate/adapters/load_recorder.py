"""What a load came to: counts by code, and latencies in a histogram of constant size."""

import math
from collections import Counter

from tidegate.domain.verdict import LoadReport

_GROWTH = 1.02
"""Each bucket is 2 % wider than the one below, so that a percentile is right within 1 %."""

_LOWEST_MS = 0.01
_LOG_GROWTH = math.log(_GROWTH)


class LoadRecorder:
    """Shared by all workers of all loads of one bake, on one event loop."""

    def __init__(self) -> None:
        self._codes: Counter[str] = Counter()
        self._buckets: Counter[int] = Counter()
        self.requests = 0

    def record(self, code: str, milliseconds: float) -> None:
        """Count one request that ended; `code` is an HTTP status, or an error's name."""
        self.requests += 1
        self._codes[code] += 1
        self._buckets[_bucket(milliseconds)] += 1

    def report(self, seconds: float) -> LoadReport:
        """The report of `seconds` under load."""
        return LoadReport(
            requests=self.requests,
            seconds=round(seconds, 3),
            rate=round(self.requests / seconds, 2) if seconds > 0 else 0.0,
            codes=dict(sorted(self._codes.items())),
            p50_ms=self._percentile(0.50),
            p90_ms=self._percentile(0.90),
            p99_ms=self._percentile(0.99),
        )

    def _percentile(self, share: float) -> float | None:
        rank, seen = math.ceil(share * self.requests), 0
        for bucket, count in sorted(self._buckets.items()):
            seen += count
            if seen >= rank:
                return float(f"{_middle(bucket):.3g}")
        return None


def _bucket(milliseconds: float) -> int:
    return int(math.log(max(milliseconds, _LOWEST_MS) / _LOWEST_MS) / _LOG_GROWTH)


def _middle(bucket: int) -> float:
    return _LOWEST_MS * float(_GROWTH ** (bucket + 0.5))
