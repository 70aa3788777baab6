"""What another writer changed in a VirtualService since the last routing, and who wrote an object last."""

from typing import Any

from tidegate.domain.canary import Canary
from tidegate.domain.manifest import Manifest, dig
from tidegate.manifests.istio import weights
from tidegate.manifests.rules import destinations, host_of, rules
from tidegate.manifests.splits import Split


def drift(live: Manifest, written: Manifest, canary: Canary) -> str:
    """Differences between a VirtualService and what was `written` last, in words; empty without any."""
    found, told = weights(live, canary), weights(written, canary)
    if found is None:
        return "it leads elsewhere"
    parts = [f"weights {_said(found)} instead of {_said(told)}"] if found != told else []
    parts += [
        f"{part} changed" for part in ("hosts", "gateways") if _spec(live, part) != _spec(written, part)
    ]
    parts += ["rules changed"] if _rules(live) != _rules(written) else []
    return ", ".join(parts)


def _said(found: tuple[float, float, float, int] | None) -> str:
    *split, copies = found or (0, 0, 0, 0)
    return f"{Split(*split)}" + (f" with {copies}% mirrored" if copies else "")


def last_writer(live: Manifest, *own: str, part: tuple[str, ...] = ("spec",)) -> str:
    """The manager, other than our own, that wrote a part last; "another writer" when nobody is known."""
    path = [f"f:{key}" for key in part]
    entries = [
        entry
        for entry in dig(live, "metadata", "managedFields") or ()
        if entry.get("manager") not in own and dig(entry, "fieldsV1", *path) is not None
    ]
    latest: Manifest = max(entries, key=lambda entry: str(entry.get("time") or ""), default={})
    return str(latest.get("manager") or "another writer")


def _spec(virtual_service: Manifest, part: str) -> Any:
    return dig(virtual_service, "spec", part)


def _rules(virtual_service: Manifest) -> list[Manifest]:
    """The routes without what is compared on its own: their weights and the mirror."""
    own = ("route", "mirror", "mirrorPercentage")
    return [
        {key: item for key, item in rule.items() if key not in own}
        | {"to": [host_of(part) for part in destinations(rule)]}
        for rule in rules(virtual_service)
    ]
