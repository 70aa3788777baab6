"""What serves the sandbox's clusters: the emulator, or real programs where KUBEBUILDER_ASSETS says so."""

from collections.abc import Mapping

from tidegate.sandbox.control_plane.assets import find_assets
from tidegate.sandbox.control_plane.cluster import Cluster, ControlPlane
from tidegate.sandbox.control_plane.emulator import Emulator
from tidegate.sandbox.control_plane.real import RealControlPlane
from tidegate.sandbox.control_plane.users import User

__all__ = ["Cluster", "ControlPlane", "Emulator", "RealControlPlane", "User", "choose", "find_assets"]


def choose(environment: Mapping[str, str]) -> ControlPlane:
    """The control plane that the environment asks for.

    Raises FileNotFoundError when the folder that it names lacks a program.
    """
    assets = find_assets(environment)
    return Emulator() if assets is None else RealControlPlane(assets)
