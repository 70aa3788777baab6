"""How destinations and neighbours resolve to clusters."""

import pytest
from pydantic import ValidationError

from tidegate.settings import ClusterSettings, LoadSettings, MeshSettings, Settings, SettingsError

IN_CLUSTER = "https://kubernetes.default.svc"
TWO = Settings(
    clusters={
        "asm": ClusterSettings(server="https://asm:6443"),
        "mesh02": ClusterSettings(server="https://m2:6443/"),
    }
)
ONE = Settings(clusters={"only": ClusterSettings()})
MARKED = Settings(clusters={"home": ClusterSettings(server=IN_CLUSTER), "far": ClusterSettings()})


@pytest.mark.parametrize(
    ("settings", "server", "name", "expected"),
    [
        (TWO, "", "mesh02", "mesh02"),
        (TWO, "https://asm:6443", "", "asm"),
        (TWO, "https://m2:6443/", "", "mesh02"),
        (ONE, IN_CLUSTER, "", "only"),
        (ONE, "", "in-cluster", "only"),
        (ONE, "", "", "only"),
        (MARKED, IN_CLUSTER + "/", "", "home"),
    ],
)
def test_a_destination_resolves_to_a_cluster(
    settings: Settings, server: str, name: str, expected: str
) -> None:
    assert settings.cluster_for(server=server, name=name) == expected


@pytest.mark.parametrize(
    ("settings", "server", "name", "said"),
    [
        (TWO, "", "mesh03", "known clusters: asm, mesh02"),
        (TWO, IN_CLUSTER, "", "no cluster has server"),
        (TWO, "https://asm:6443", "asm", "either name or server"),
        (ONE, "https://else:6443", "", "known clusters: only"),
        (Settings(), IN_CLUSTER, "", "no cluster is configured"),
        (
            Settings(
                clusters={"a": ClusterSettings(server="https://x"), "b": ClusterSettings(server="https://x")}
            ),
            "https://x",
            "",
            "a and b share https://x",
        ),
    ],
)
def test_a_destination_that_is_no_cluster_is_refused(
    settings: Settings, server: str, name: str, said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        settings.cluster_for(server=server, name=name)


def test_an_unknown_cluster_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="unknown cluster 'x'; known clusters: asm, mesh02"):
        TWO.cluster("x")


def test_mesh_and_load_default_to_the_destination() -> None:
    assert (TWO.mesh_cluster("mesh02"), TWO.load_cluster("mesh02")) == ("mesh02", "mesh02")


def test_mesh_and_load_may_be_apart() -> None:
    settings = Settings(mesh=MeshSettings(control_plane="asm"), load=LoadSettings(cluster="mesh01"))
    assert (settings.mesh_cluster("mesh02"), settings.load_cluster("mesh02")) == ("asm", "mesh01")


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        TWO.load.mode = "native"  # type: ignore[misc]
