"""A Service as a target: the copies of it that lead to one version each, and what it must not ask for."""

from copy import deepcopy
from typing import Any

from tidegate.domain.canary import Canary
from tidegate.domain.errors import InvalidInput
from tidegate.domain.leading import EXTERNAL
from tidegate.domain.manifest import Manifest, dig
from tidegate.domain.workload import SERVICE
from tidegate.manifests.naming import OWNER_LABELS
from tidegate.manifests.services import HEADLESS

_SHARED = ("ipFamilies", "ipFamilyPolicy")
"""How a Service is reached that its copies are reached by as well."""


def copied(
    target: Manifest, name: str, annotations: dict[str, str], like: Manifest | None = None
) -> Manifest:
    """The target under another name, within the cluster alone: no node ports, no load balancer.

    It leads where `like` does; None: where the target does. `annotations` are all that it bears.
    """
    spec: Manifest = target.get("spec") or {}
    labels = dig(target, "metadata", "labels") or {}
    version = SERVICE.template(target if like is None else like)
    shared = {} if version["type"] == EXTERNAL else {key: spec[key] for key in _SHARED if key in spec}
    return deepcopy(
        {
            "apiVersion": "v1",
            "kind": SERVICE.name,
            "metadata": {
                "name": name,
                "namespace": target["metadata"]["namespace"],
                "labels": {key: value for key, value in labels.items() if key not in OWNER_LABELS},
                "annotations": annotations,
            },
            "spec": shared | version,
        }
    )


def refuse_unfit(canary: Canary, target: Manifest) -> None:
    """InvalidInput for a target Service that no copy could stand in for."""
    _refuse_odd_shapes(target)
    if dig(target, "spec", "type") != EXTERNAL and not dig(target, "spec", "selector"):
        raise InvalidInput(
            "selects no pods: its endpoints are its own, and its copies would have none",
            field="spec.selector",
            mend="select the pods of a version, or let the type be ExternalName",
        )
    if dig(target, "spec", "clusterIP") == HEADLESS:
        raise InvalidInput(
            "is headless: its pods are called by their own addresses, which no routing can split",
            field="spec.clusterIP",
            mend="remove it, or name the workload behind it as the Canary's target",
        )
    service = canary.spec.service
    known = [port.get("port") for port in target["spec"].get("ports") or ()]
    if known and service.port not in known and (service.delegation or service.port_discovery):
        raise InvalidInput(
            f"has no port {service.port}, which the routes of Canary {canary.name} name",
            field="spec.ports",
            mend="let the Canary's spec.service.port be one of its ports",
        )


def refuse_own_apex(canary: Canary) -> None:
    """InvalidInput where another Service than the target is to be the one that users call."""
    target, asked = canary.spec.target_ref.name, canary.spec.service.name
    if asked and asked != target:
        raise InvalidInput(
            f"is {asked!r}, and a target Service is itself the one that users call",
            field="spec.service.name",
            mend=f"remove it, or write {target}",
        )


def _refuse_odd_shapes(target: Manifest) -> None:
    spec = target.get("spec")
    _refuse_unless(isinstance(spec, dict), spec, "spec", "a mapping")
    _mapping_of_texts(dig(spec, "selector"), "spec.selector")
    ports = dig(spec, "ports") or []
    sound = isinstance(ports, list) and all(_is_port(port) for port in ports)
    _refuse_unless(sound, ports, "spec.ports", "a list of ports with their numbers")
    if dig(spec, "type") == EXTERNAL:
        name = dig(spec, "externalName")
        _refuse_unless(isinstance(name, str) and bool(name), name, "spec.externalName", "a host name")


def _is_port(found: Any) -> bool:
    known = isinstance(found, dict)
    return known and isinstance(found.get("port"), int) and isinstance(found.get("protocol", ""), str)


def _mapping_of_texts(found: Any, field: str) -> None:
    sound = found is None or (
        isinstance(found, dict) and all(isinstance(each, str) for pair in found.items() for each in pair)
    )
    _refuse_unless(sound, found, field, "a mapping of labels to texts")


def _refuse_unless(sound: bool, found: Any, field: str, wanted: str) -> None:
    if not sound:
        raise InvalidInput(f"{str(found)[:40]!r} is not {wanted}", field=field, mend=f"write {wanted}")
