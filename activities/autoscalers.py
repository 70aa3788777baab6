"""Autoscalers of the primary that a release made, and that no Canary asks for any more."""

from activities.site import Site
from tidegate.contracts import Fence
from tidegate.decisions.ownership import application_of
from tidegate.domain.errors import AccessDenied
from tidegate.domain.manifest import name_of, ref_of
from tidegate.manifests import promotion
from tidegate.manifests.autoscaler import CURRENT, KIND, scales_for_us


def remove_strays(site: Site, fence: Fence) -> tuple[str, ...]:
    """Remove them, and give the primary the size that Git asks for; notes on what was done.

    Only our own go: those that bear a fence, scale the primary, and were not brought from Git by a sync.
    """
    primary, wanted = site.ref.primary, site.bundle.names.primary_autoscaler
    found = [
        each
        for each in site.cluster.list(CURRENT, KIND, site.namespace)
        if scales_for_us(each, primary) and not application_of(each)
    ]
    strays = [each for each in found if name_of(each) != wanted]
    notes = []
    for stray in strays:
        try:
            site.cluster.fenced_delete(ref_of(stray), fence)
        except AccessDenied as error:
            notes.append(f"{KIND} {name_of(stray)} is no longer asked for, and was left: {error}")
        else:
            notes.append(f"{KIND} {name_of(stray)} is no longer asked for; it was removed")
    replicas = site.bundle.replicas
    if strays and replicas is not None:
        site.change_deployment(primary, fence, lambda live: promotion.resized(live, replicas))
    return tuple(notes)
