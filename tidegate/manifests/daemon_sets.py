"""What a DaemonSet must not ask for to be released: its primary's pods run on the very nodes of its own."""

from collections.abc import Iterator

from tidegate.domain.errors import InvalidInput
from tidegate.domain.manifest import Manifest, dig


def refuse_unfit(target: Manifest) -> None:
    """InvalidInput for a DaemonSet that could never be promoted, or never run beside its primary."""
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


def _node_ports(target: Manifest) -> Iterator[int]:
    """The ports of the node that a pod claims; on the host's network, all that it declares."""
    pod = dig(target, "spec", "template", "spec") or {}
    for container in pod.get("containers") or ():
        for port in container.get("ports") or ():
            claimed = port.get("hostPort") or (port.get("containerPort") if pod.get("hostNetwork") else None)
            if claimed:
                yield claimed
