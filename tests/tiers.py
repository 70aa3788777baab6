"""The two ways in which a test's sandbox can serve its clusters: the emulator, and real programs.

The real ones run where KUBEBUILDER_ASSETS names a folder that has them, with the kinds of Istio, Flagger and
Argo CD as these projects publish them.
"""

import os
from pathlib import Path

import pytest

from tidegate.sandbox.control_plane import Emulator, RealControlPlane, find_assets
from tidegate.sandbox.world import World

EMULATOR, REAL = "emulator", "real"
ASSETS = find_assets(os.environ)
TIERS = [EMULATOR, REAL] if ASSETS else [EMULATOR]
DEFINITIONS = Path(__file__).parents[2] / "shared" / "crds"

needs_assets = pytest.mark.skipif(ASSETS is None, reason="needs KUBEBUILDER_ASSETS (see make assets)")


def create_world(tier: str, folder: Path, *, further: bool = False) -> World:
    """A world on that tier, not up yet; skips the test where the real one lacks the published kinds."""
    if tier == EMULATOR or ASSETS is None:
        return World(folder, control_plane=Emulator(), further=further)
    if not DEFINITIONS.is_dir():
        pytest.skip(f"needs the published CustomResourceDefinitions in {DEFINITIONS}")
    control_plane = RealControlPlane(ASSETS)
    return World(folder, control_plane=control_plane, definitions=DEFINITIONS, further=further)
