"""The clusters and commands of an uninstallation."""

from tests.activities.canary_world import daemons, flagger, selections, world

__all__ = ["daemons", "flagger", "selections", "world"]
