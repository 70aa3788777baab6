"""Which clusters an application may be brought to at once: known ones, of one mesh control plane."""

from tidegate.domain.application import FURTHER_CLUSTERS
from tidegate.domain.errors import InvalidInput
from tidegate.settings.model import Settings

_FIELD = f"metadata.annotations.{FURTHER_CLUSTERS}"


def check_further_clusters(settings: Settings, destination: str, further: tuple[str, ...]) -> None:
    """InvalidInput for one that is unknown, the destination itself, or of another mesh control plane."""
    for name in further:
        if name == destination:
            raise InvalidInput(
                f"names {name}, which is the destination", field=_FIELD, mend="name further clusters only"
            )
        if name not in settings.clusters:
            raise InvalidInput(f"unknown cluster {name!r}", field=_FIELD, mend=settings.known_clusters())
        theirs, ours = settings.mesh_cluster(name), settings.mesh_cluster(destination)
        if theirs != ours:
            raise InvalidInput(
                f"{name} has the mesh control plane {theirs}, and {destination} has {ours}",
                field=_FIELD,
                mend="one VirtualService leads to all of them: set mesh.control_plane, or release them apart",
            )
