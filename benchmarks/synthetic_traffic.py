"""Synthetic traffic of several versions of one application: what Istio's metrics would say of each.

Latencies are log-normal and go into Istio's histogram, whose P99 is Prometheus' interpolation. What a moment
does to all versions alike (a slow dependency, a busy network) is drawn once; each version adds noise of its
own from sample to sample, and its pods lie a few percent higher or lower all along.
"""

import math
import random
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

BOUNDS = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000)
"""Istio's buckets in milliseconds, those that these latencies can reach."""

MEDIAN_MS, SPREAD = 80.0, 0.5
"""P99 256 ms; the spread is that of the logarithm."""

ERROR_RATE = 0.0005
SHARED_NOISE, OWN_NOISE, PODS_NOISE = 0.08, 0.05, 0.03
"""Standard deviations of the latencies' logarithm: of a moment, of a version in it, of a version's pods."""


class Behaviour(NamedTuple):
    """How a version answers: latencies as a multiple of the usual, and its share of failed requests."""

    latency: float = 1.0
    errors: float = ERROR_RATE


class Counted(NamedTuple):
    """What a version's metrics grew by: requests, those with a 5xx, and requests by bucket of latency."""

    requests: int
    errors: int
    buckets: tuple[int, ...]

    @property
    def success_rate(self) -> float:
        """Percent."""
        return 100 * (1 - self.errors / self.requests)

    @property
    def p99(self) -> float:
        """Milliseconds, by linear interpolation in the bucket, as histogram_quantile has it."""
        rank, below = 0.99 * self.requests, 0
        for (low, high), count in zip(pairwise((0, *BOUNDS)), self.buckets, strict=True):
            if count and below + count >= rank:
                return low + (high - low) * (rank - below) / count
            below += count
        return float(BOUNDS[-1])


def together(counted: Sequence[Counted]) -> Counted:
    """Several samples as one."""
    return Counted(
        requests=sum(each.requests for each in counted),
        errors=sum(each.errors for each in counted),
        buckets=tuple(map(sum, zip(*(each.buckets for each in counted), strict=True))),
    )


class Traffic:
    """The requests of several versions: behaviours and requests in each sample by the version's name."""

    def __init__(self, seed: str, behaviours: Mapping[str, Behaviour], requests: Mapping[str, int]) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._behaviours = behaviours
        self._requests = requests
        self._pods = {name: self._random.gauss(0, PODS_NOISE) for name in behaviours}

    def sample(self) -> dict[str, Counted]:
        """The next sample of each version, of one moment."""
        shared = self._random.gauss(0, SHARED_NOISE)
        return {name: self._counted(name, shared) for name in self._behaviours}

    def _counted(self, name: str, shared: float) -> Counted:
        behaviour, requests = self._behaviours[name], self._requests[name]
        noise = shared + self._pods[name] + self._random.gauss(0, OWN_NOISE)
        errors = binomial(self._random, requests, behaviour.errors)
        median = MEDIAN_MS * behaviour.latency * math.exp(noise)
        return Counted(requests, errors, self._dealt(requests, median))

    def _dealt(self, requests: int, median: float) -> tuple[int, ...]:
        """Deal requests out to the buckets: a draw from the multinomial distribution, bucket by bucket."""
        left, share_left, counts = requests, 1.0, []
        reached = [_share_within(bound, median) for bound in BOUNDS]
        for low, high in pairwise((0.0, *reached)):
            share = (high - low) / share_left if share_left > 0 else 1.0
            count = binomial(self._random, left, min(1.0, share))
            counts.append(count)
            left, share_left = left - count, share_left - (high - low)
        counts[-1] += left
        return tuple(counts)


def _share_within(milliseconds: float, median: float) -> float:
    """The log-normal distribution's share of latencies up to this one."""
    return 0.5 * math.erfc(-math.log(milliseconds / median) / (SPREAD * math.sqrt(2)))


def binomial(source: random.Random, trials: int, share: float) -> int:
    """How many of so many trials come true; by the normal distribution where that is as good."""
    if share > 0.5:
        return trials - binomial(source, trials, 1 - share)
    variance = trials * share * (1 - share)
    if variance > 50:
        return min(trials, max(0, round(source.gauss(trials * share, math.sqrt(variance)))))
    if trials <= 40:
        return sum(source.random() < share for _ in range(trials))
    return _inverted(source.random(), trials, share)


def _inverted(chance: float, trials: int, share: float) -> int:
    probabilities = _probabilities(trials, share)
    return next(
        (count for count, reached in enumerate(accumulate(probabilities)) if chance < reached), trials
    )


def _probabilities(trials: int, share: float) -> list[float]:
    """Of 0, 1, 2 ... successes, each from the one before."""
    found = [(1 - share) ** trials]
    for count in range(trials):
        found.append(found[-1] * (trials - count) / (count + 1) * share / (1 - share))
        if count > trials * share and found[-1] < 1e-12:
            break
    return found
