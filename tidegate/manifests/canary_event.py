"""A note of a release as a Kubernetes Event on its Canary, where `kubectl describe` finds it."""

import hashlib

from tidegate.contracts import Event
from tidegate.domain.manifest import Manifest, name_of

COMPONENT = "tidegate"
REASON = "Synced"
"""Flagger's reason for all of its Events."""

_LONGEST_PREFIX = 200


def canary_event(event: Event, canary: Manifest) -> Manifest:
    """The Event of a note on a live Canary. The same note has the same name: told twice, it is there once."""
    metadata = canary["metadata"]
    told = f"{metadata.get('uid')} {event.at.isoformat()} {event.text}"
    digest = hashlib.sha256(told.encode()).hexdigest()[:16]
    at = f"{event.at:%Y-%m-%dT%H:%M:%SZ}"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{name_of(canary)[:_LONGEST_PREFIX]}.{digest}",
            "namespace": metadata["namespace"],
        },
        "involvedObject": {
            "apiVersion": canary["apiVersion"],
            "kind": canary["kind"],
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata.get("uid"),
            "resourceVersion": metadata.get("resourceVersion"),
        },
        "reason": REASON,
        "message": event.text,
        "type": "Warning" if event.warning else "Normal",
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    }
