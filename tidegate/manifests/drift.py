"""What another writer changed in a VirtualService since the last routing, and who wrote an object last."""

from tidegate.domain.canary import Canary
from tidegate.domain.manifest import Manifest, dig
from tidegate.manifests.istio import weights


def drift(live: Manifest, wanted: Manifest, canary: Canary, *, expected: int) -> str:
    """Differences in words, empty when there are none.

    `wanted` is the VirtualService about to be written, `expected` the canary's share that was written last.
    """
    found = weights(live, canary)
    if found is None:
        return "it leads elsewhere"
    told = (100 - expected, expected)
    parts = [f"weights {found[0]}/{found[1]} instead of {told[0]}/{told[1]}"] if found != told else []
    parts += [f"{part} changed" for part in ("hosts", "gateways") if _spec(live, part) != _spec(wanted, part)]
    parts += ["http rules changed"] if _rules(live) != _rules(wanted) else []
    return ", ".join(parts)


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


def _spec(virtual_service: Manifest, part: str) -> object:
    return dig(virtual_service, "spec", part)


def _rules(virtual_service: Manifest) -> list[Manifest]:
    """The HTTP routes without their destinations, whose weights are compared on their own."""
    http = dig(virtual_service, "spec", "http") or []
    return [{key: item for key, item in route.items() if key != "route"} for route in http]
