"""The rules of a VirtualService, of whatever protocol, and the Services that they lead to."""

from collections.abc import Iterator

from tidegate.domain.manifest import Manifest, dig


def rules(virtual_service: Manifest, *protocols: str) -> Iterator[Manifest]:
    """In their order; those of requests and of connections where no protocols are named."""
    for protocol in protocols or ("http", "tcp"):
        yield from dig(virtual_service, "spec", protocol) or ()


def destinations(rule: Manifest) -> tuple[Manifest, ...]:
    """The parts of a rule that share what it matches."""
    return tuple(rule.get("route") or ())


def host_of(part: Manifest) -> str:
    """Where a destination leads, as it is written."""
    return str(dig(part, "destination", "host") or "")


def short(host: object) -> str:
    """A host's Service, where it is written with namespace and domain."""
    return str(host or "").partition(".")[0]


def by_service(rule: Manifest) -> dict[str, Manifest]:
    """A rule's destinations by the Services that they lead to."""
    return {short(host_of(part)): part for part in destinations(rule)}
