"""The node that a DaemonSet's pod is for: named in its affinity, by which a scheduler binds it."""

from __future__ import annotations

from tidegate.sandbox.client import Object

_FIELD = "metadata.name"


def pinned(pod: Object, node: str) -> Object:
    """The pod for that node alone."""
    term = {"matchFields": [{"key": _FIELD, "operator": "In", "values": [node]}]}
    affinity = dict(pod["spec"].get("affinity") or {})
    affinity["nodeAffinity"] = {
        **(affinity.get("nodeAffinity") or {}),
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]},
    }
    return {**pod, "spec": {**pod["spec"], "affinity": affinity}}


def pinned_node(pod: Object) -> str:
    """The node that a pod is on, or for; empty when any will do."""
    if pod["spec"].get("nodeName"):
        return str(pod["spec"]["nodeName"])
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    for term in required.get("nodeSelectorTerms") or ():
        for field in term.get("matchFields") or ():
            if field["key"] == _FIELD and field["values"]:
                return str(field["values"][0])
    return ""
