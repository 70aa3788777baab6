"""The clusters and commands that the tests of a recovery share with the workload's."""

from tests.activities.canary_world import daemons, selections, world

__all__ = ["daemons", "selections", "world"]
