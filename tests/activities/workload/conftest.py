"""The clusters and commands that the workload's and the traffic's tests share."""

from tests.activities.canary_world import flagger, world

__all__ = ["flagger", "world"]
