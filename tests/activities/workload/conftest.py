"""The clusters and commands that the workload's and the traffic's tests share."""

from tests.activities.canary_world import daemons, flagger, wide, world

__all__ = ["daemons", "flagger", "wide", "world"]
