"""Whether a Flagger controller leads a namespace's canaries already: two cannot lead the same traffic."""

import re
from collections.abc import Iterator
from itertools import pairwise

from tidegate.domain.errors import InvalidInput
from tidegate.domain.manifest import Manifest, dig, ref_of

SELECTORS = ("app.kubernetes.io/name=flagger", "app=flagger")
"""The labels of its Deployment, by its Helm chart and by its kustomization."""

_LOAD_TESTER = "flagger-loadtester"
_NAMESPACE = re.compile(r"^--?namespace(?:=(.*))?$")


def watches(deployment: Manifest, namespace: str) -> bool:
    """Whether a Deployment with one of these labels is a controller that is wanted, and leads this namespace.

    One that is not ready just now will be: only that it is scaled to 0 keeps it from the traffic.
    """
    if dig(deployment, "spec", "replicas") == 0:
        return False
    containers = [each for each in _containers(deployment) if _image(each) != _LOAD_TESTER]
    return any(_namespace(each) in ("", namespace) for each in containers)


def refuse_flagger(deployment: Manifest, cluster: str, namespace: str, canary: str) -> None:
    """InvalidInput when this Deployment leads the canary of that name."""
    if watches(deployment, namespace):
        ref = ref_of(deployment)
        raise InvalidInput(
            f"Flagger ({ref} in cluster {cluster}) releases the canaries of namespace {namespace}",
            subject=f"Canary {namespace}/{canary}",
            mend=f"scale {ref.name} to 0, or keep it to another namespace by its argument -namespace",
        )


def _containers(deployment: Manifest) -> list[Manifest]:
    return dig(deployment, "spec", "template", "spec", "containers") or []


def _image(container: Manifest) -> str:
    """The last part of its image's name, without tag and digest."""
    return re.split("[:@]", str(container.get("image") or "").rpartition("/")[2])[0]


def _namespace(container: Manifest) -> str:
    """What its argument -namespace says; empty for all. A variable's value is unknown here: it may be any."""
    *_, said = ["", *_said(container)]
    return "" if said.startswith("$(") else said


def _said(container: Manifest) -> Iterator[str]:
    arguments = [str(each) for part in ("command", "args") for each in container.get(part) or ()]
    for argument, following in pairwise([*arguments, ""]):
        if found := _NAMESPACE.match(argument):
            yield following if found[1] is None else found[1]
