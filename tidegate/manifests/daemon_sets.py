"""What a DaemonSet must not ask for to be released: its primary's pods run on the very nodes of its own."""

from collections.abc import Iterator
from typing import Any

from tidegate.domain.errors import InvalidInput
from tidegate.domain.manifest import Manifest, dig


def refuse_unfit(target: Manifest) -> None:
    """InvalidInput for a DaemonSet that could never be promoted, or never run beside its primary."""
    _refuse_no_mapping(target, "spec.template.spec")
    _refuse_no_mapping(target, "spec.template.spec.nodeSelector")
    if dig(target, "spec", "updateStrategy", "type") == "OnDelete":
        raise InvalidInput(
            "updates its pods only once somebody deletes them, so that no promotion would end",
            field="spec.updateStrategy.type",
            mend="write RollingUpdate",
        )
    for port in _node_ports(target):
        raise InvalidInput(
            f"takes port {port} of each node, where the pods of the primary need it too",
            field="spec.template.spec",
            mend="remove hostPort or hostNetwork, and let the Canary's Service lead to the pods",
        )


def _refuse_no_mapping(target: Manifest, field: str) -> None:
    found = dig(target, *field.split("."))
    if found is not None and not isinstance(found, dict):
        raise InvalidInput(f"{str(found)[:40]!r} is no mapping", field=field, mend="write a mapping")


def _node_ports(target: Manifest) -> Iterator[int]:
    """The ports of the node that a pod claims; on the host's network, all that it declares."""
    pod = dig(target, "spec", "template", "spec")
    for container in _mappings(dig(pod, "containers")):
        for port in _mappings(container.get("ports")):
            claimed = port.get("hostPort") or (port.get("containerPort") if pod.get("hostNetwork") else None)
            if claimed:
                yield claimed


def _mappings(value: Any) -> list[Manifest]:
    """What is one in a list; the cluster tells of all that is not."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
