"""The clusters and commands that the workload's and the traffic's tests share."""

from tests.activities.canary_world import daemons, flagger, selections, wide, wide_selections, world

__all__ = ["daemons", "flagger", "selections", "wide", "wide_selections", "world"]
