"""Request counters and latencies of a container, in Prometheus' text format."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds in seconds; Prometheus' own defaults."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class RequestMetrics:
    """`http_requests_total` by status, `http_request_duration_seconds` by method, path and status."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._sums: defaultdict[tuple[str, str, int], float] = defaultdict(float)
        self._buckets: defaultdict[tuple[str, str, int], list[int]] = defaultdict(
            lambda: [0] * (len(BUCKETS) + 1)
        )

    def observe(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        series = (method, path, status)
        self._counts[status] += 1
        self._sums[series] += seconds
        self._buckets[series][bisect_left(BUCKETS, seconds)] += 1

    def text(self) -> str:
        """All series, ready to be scraped."""
        return "\n".join([*self._totals(), *self._histogram(), ""])

    def _totals(self) -> Iterator[str]:
        yield "# TYPE http_requests_total counter"
        for status, count in sorted(self._counts.items()):
            yield f'http_requests_total{{status="{status}"}} {count}'

    def _histogram(self) -> Iterator[str]:
        name = "http_request_duration_seconds"
        yield f"# TYPE {name} histogram"
        for (method, path, status), counts in sorted(self._buckets.items()):
            labels = f'method="{method}",path="{path}",status="{status}"'
            sofar = 0
            for bound, count in zip((*BUCKETS, "+Inf"), counts, strict=True):
                sofar += count
                yield f'{name}_bucket{{{labels},le="{bound}"}} {sofar}'
            yield f"{name}_sum{{{labels}}} {self._sums[method, path, status]}"
            yield f"{name}_count{{{labels}}} {sofar}"
