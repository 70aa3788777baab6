"""The clusters and commands of an uninstallation."""

from tests.activities.canary_world import daemons, flagger, world

__all__ = ["daemons", "flagger", "world"]
