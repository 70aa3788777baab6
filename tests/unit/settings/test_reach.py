"""Which clusters an application may be brought to at once."""

import pytest

from tidegate.domain.errors import InvalidInput
from tidegate.settings import ClusterSettings, MeshSettings, Settings, check_further_clusters

NAMES = ("asm", "mesh02", "mesh03")


def settings(control_plane: str = "asm") -> Settings:
    clusters = {name: ClusterSettings(context=name) for name in NAMES}
    return Settings(clusters=clusters, mesh=MeshSettings(control_plane=control_plane))


def test_known_clusters_of_one_mesh_are_fine() -> None:
    check_further_clusters(settings(), "mesh02", ("mesh03",))
    check_further_clusters(settings(""), "mesh02", ())


@pytest.mark.parametrize(
    ("control_plane", "further", "line"),
    [
        ("asm", "mesh04", "unknown cluster 'mesh04'; known clusters: asm, mesh02, mesh03"),
        ("asm", "mesh02", "names mesh02, which is the destination; name further clusters only"),
        ("", "mesh03", "mesh03 has the mesh control plane mesh03, and mesh02 has mesh02; one VirtualService"),
    ],
)
def test_what_does_not_fit_is_named_with_its_mend(control_plane: str, further: str, line: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        check_further_clusters(settings(control_plane), "mesh02", (further,))
    assert str(refusal.value).startswith(f"metadata.annotations.tidegate.dev/further-clusters: {line}")
