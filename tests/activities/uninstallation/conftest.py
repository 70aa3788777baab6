"""The clusters and commands of an uninstallation."""

from tests.activities.canary_world import flagger, world

__all__ = ["flagger", "world"]
