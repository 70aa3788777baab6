"""Whose a live object is: Argo CD's tracking id names the application that brought it."""

from tidegate.decisions.sync_set import TRACKING_ANNOTATION, SyncItem
from tidegate.domain.errors import InvalidInput
from tidegate.domain.manifest import Manifest, dig


def application_of(manifest: Manifest | None) -> str:
    """The application that a tracking id names: what stands before its first colon; empty without one."""
    return str(dig(manifest, "metadata", "annotations", TRACKING_ANNOTATION) or "").partition(":")[0]


def refuse_takeover(item: SyncItem, live: Manifest | None) -> None:
    """InvalidInput when the live object is another application's; one without a tracking id is adopted."""
    other = application_of(live)
    if other and other != application_of(item.manifest):
        raise InvalidInput(
            f"{item.ref} in cluster {item.cluster} belongs to the application {other}",
            mend=f"take it out of one of the two, or, if {other} was renamed or gave it up, remove the "
            f"object's annotation {TRACKING_ANNOTATION}",
        )
