"""Other layouts of an application, each in its own scene: adopted and uninstalled, a pair, two clusters."""

from pathlib import Path
from types import ModuleType

import pytest

from benchmarks.faults import pairs, two_clusters, uninstallations
from benchmarks.faults.runner import run
from benchmarks.faults.scene import scene_of

CHOSEN: dict[ModuleType, tuple[str, ...]] = {
    uninstallations: ("terminated in drain", "mesh control plane refused for 15 s in hand-over"),
    pairs: ("worker killed at the meeting", "one is terminated at the meeting"),
    two_clusters: ("further cluster refused for 5 s in promote of a good release",),
}


@pytest.mark.slow
@pytest.mark.parametrize("module", CHOSEN, ids=lambda module: module.__name__.rpartition(".")[2])
async def test_it_survives(module: ModuleType, tmp_path: Path) -> None:
    cases = {case.name: case for case in module.cases()}
    async with scene_of(module, tmp_path / "scene") as scene:
        for name in CHOSEN[module]:
            result = await run(scene, cases[name])
            assert result.violations == (), name
