"""The clusters and commands of an uninstallation."""

from tests.activities.canary_world import world

__all__ = ["world"]
