"""A canary's objects as their owner had them: the target serves by itself again, without a primary.

Nothing here needs the manifests of Git: the live objects remember what they were.
"""

import json
import re
from collections.abc import Iterable
from copy import deepcopy

from tidegate.domain.manifest import Manifest, dig, name_of
from tidegate.domain.marks import (
    ASKED_FOR,
    CANARY,
    FURTHER,
    GIVEN_BACK,
    ORIGINAL,
    RELEASE,
    REVISION,
    TARGET,
    TARGET_KIND,
    annotations,
)
from tidegate.domain.workload import SERVICE, kind_of, pod_template
from tidegate.manifests.configuration import VERSION_DIGITS, Names, references, renamed
from tidegate.manifests.naming import PRIMARY_SUFFIX, Selector, selector_of
from tidegate.manifests.primary import relabelled
from tidegate.manifests.services import without_asked
from tidegate.manifests.splits import shares

_COPY = re.compile(rf"(?P<source>.+){re.escape(PRIMARY_SUFFIX)}-[0-9a-f]{{{VERSION_DIGITS}}}")
_OWN = (RELEASE, CANARY, FURTHER, TARGET, TARGET_KIND, REVISION, ORIGINAL, ASKED_FOR)
"""Marks that speak of a canary; a fence stays, and keeps late commands out."""

_SERVICE_FIELDS = ("selector", "ports")


def serving(target: Manifest, primary: Manifest, copies: Iterable[Manifest]) -> Manifest:
    """The live target with what the live primary runs, and as large, one pod at least.

    `copies` are ConfigMaps and Secrets.
    """
    if kind_of(target) is SERVICE:
        return SERVICE.at_rest(target, primary)
    chosen = selector_of(target)
    back = Selector(chosen.label, target=chosen.primary, primary=chosen.target)
    template = relabelled(renamed(primary["spec"]["template"], sources(primary, copies)), back)
    kind = kind_of(primary)
    served = target | {"spec": target["spec"] | {"template": template}}
    return kind.up(served, max(1, kind.counts(primary).wanted), served)


def given_back_service(live: Manifest, target: Manifest) -> Manifest:
    """The apex Service as it was taken over, as far as that leads to the target's pods as they are now.

    One that a release made, or that would select none of them, selects them by the target's own label.
    """
    chosen = selector_of(target)
    kept = _original(live)
    selector = kept.get("selector") or {}
    if not selector or not selector.items() <= _labels(target).items():
        selector = {chosen.label: chosen.target}
    ports = [_reaching(port, live, target) for port in kept.get("ports") or ()]
    return live | {"spec": live["spec"] | {"selector": selector} | ({"ports": ports} if ports else {})}


def given_back_side(live: Manifest) -> Manifest:
    """The Service of a side as its owner had it, marked as given back: nobody removes it after that."""
    kept = _original(live)
    others = {key: value for key, value in live["spec"].items() if key not in _SERVICE_FIELDS}
    fields = {key: kept[key] for key in _SERVICE_FIELDS if key in kept}
    after = unmarked_service(live | {"spec": others | fields if "ports" in fields else live["spec"]})
    marks = annotations(after) | {GIVEN_BACK: "true"}
    return after | {"metadata": after["metadata"] | {"annotations": marks}}


def is_taken(service: Manifest, target: Manifest) -> bool:
    """Whether an apex Service is a release's yet: it selects the primary, or keeps what it had been.

    One that is the target itself never is: what it kept for a workload, its target before, is out of date.
    """
    return kind_of(target) is not SERVICE and (was_there(service) or selects_primary(service, target))


def selects_primary(service: Manifest, target: Manifest) -> bool:
    """Whether an apex Service selects the primary of a target; one that is the target itself never does."""
    if kind_of(target) is SERVICE:
        return False
    chosen = selector_of(target)
    return bool(dig(service, "spec", "selector", chosen.label) == chosen.primary)


def selects(service: Manifest, target: Manifest) -> bool:
    """Whether a Service selects the pods of a workload's template, or is the target itself."""
    if kind_of(target) is SERVICE:
        return name_of(service) == name_of(target)
    selector = dig(service, "spec", "selector") or {}
    return bool(selector) and selector.items() <= _labels(target).items()


def others_fields(live: Manifest, manager: str) -> bool:
    """Whether others than this manager have written fields of an object's spec."""
    entries = dig(live, "metadata", "managedFields") or ()
    return any(
        entry.get("manager") != manager and dig(entry, "fieldsV1", "f:spec") is not None for entry in entries
    )


def given_back_routes(live: Manifest, service: str) -> Manifest:
    """The VirtualService as it was taken over; one that a release made leads to the apex Service alone.

    It keeps its marks, by which it is found again, until `unmarked` takes them away.
    """
    original = _original(live)
    if original and shares({"spec": original}, service) is None:
        return live | {"spec": original}
    return live | {"spec": _plain(live["spec"], service)}


def sources(primary: Manifest, copies: Iterable[Manifest]) -> Names:
    """Each copy that a live primary refers to, and the name of what it is a copy of."""
    ours = {(each["kind"], name_of(each)) for each in copies}
    used = [each for each in references(pod_template(primary)) if tuple(each) in ours]
    found = {each: _COPY.fullmatch(each.name) for each in used}
    return {each: match["source"] for each, match in found.items() if match}


def was_there(live: Manifest) -> bool:
    """Whether an object was there before its first release."""
    return ORIGINAL in annotations(live)


def is_door(live: Manifest) -> bool:
    """Whether others depend on a VirtualService that was given back: its owner, a gateway, or another one."""
    gateways = set(dig(live, "spec", "gateways") or ["mesh"])
    return was_there(live) or gateways != {"mesh"} or not dig(live, "spec", "hosts")


def is_marked(live: Manifest) -> bool:
    """Whether an object bears any mark of a canary."""
    return not annotations(live).keys().isdisjoint(_OWN)


def unmarked_service(live: Manifest) -> Manifest:
    """The apex Service without them; one that was there before loses what its Canary had asked for too."""
    return unmarked(without_asked(live) if was_there(live) else live)


def unmarked(live: Manifest) -> Manifest:
    """The object without the marks of a canary."""
    kept = {key: value for key, value in annotations(live).items() if key not in _OWN}
    return live | {"metadata": live["metadata"] | {"annotations": kept}}


def _labels(target: Manifest) -> Manifest:
    return dig(target, "spec", "template", "metadata", "labels") or {}


def _reaching(port: Manifest, live: Manifest, target: Manifest) -> Manifest:
    """A port as it was; where no container declares its target, that of the released port of its number."""
    declared = {
        known
        for container in dig(target, "spec", "template", "spec", "containers") or ()
        for each in container.get("ports") or ()
        for known in (each.get("name"), each.get("containerPort"))
    }
    released = {each["port"]: each for each in live["spec"].get("ports") or ()}.get(port.get("port"))
    if released is None or not declared or port.get("targetPort", port.get("port")) in declared:
        return port
    return port | {"targetPort": released.get("targetPort", released["port"])}


def _plain(spec: Manifest, service: str) -> Manifest:
    """The rules with all requests to the Service. Those for few, which set or read cookies, are gone."""
    changed = deepcopy(spec)
    for protocol in ("http", "tcp"):
        rules = changed.get(protocol)
        if rules:
            changed[protocol] = [_to(rule, service) for rule in (rules[-1:] if protocol == "http" else rules)]
    return changed


def _to(rule: Manifest, service: str) -> Manifest:
    route = rule.get("route") or [{}]
    destination = (route[0].get("destination") or {}) | {"host": service}
    kept = {key: value for key, value in rule.items() if key not in ("mirror", "mirrorPercentage")}
    return kept | {"route": [{"destination": destination, "weight": 100}]}


def _original(live: Manifest) -> Manifest:
    try:
        kept = json.loads(annotations(live).get(ORIGINAL, "{}"))
    except ValueError:  # anybody may have written it
        return {}
    return kept if isinstance(kept, dict) else {}
