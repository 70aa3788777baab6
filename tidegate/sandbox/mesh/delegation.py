"""A VirtualService without hosts lends its rules to those that delegate to it, as Istio merges the two."""

from collections.abc import Iterable, Iterator

from tidegate.sandbox.mesh.istio import Destination, HTTPMatch, HTTPRoute
from tidegate.sandbox.mesh.registry import Key
from tidegate.sandbox.mesh.virtual_hosts import VirtualService


def merged(virtual_services: Iterable[VirtualService]) -> list[VirtualService]:
    """The VirtualServices that have hosts; each delegating rule gives way to the delegate's own."""
    every = list(virtual_services)
    delegates = {each.key: each for each in every if not each.spec.hosts}
    return [_with_rules(root, delegates) for root in every if root.spec.hosts]


def _with_rules(root: VirtualService, delegates: dict[Key, VirtualService]) -> VirtualService:
    rules = tuple(rule for own in root.spec.http for rule in _expanded(own, root.key, delegates))
    return root._replace(spec=root.spec.model_copy(update={"http": rules}))


def _expanded(rule: HTTPRoute, key: Key, delegates: dict[Key, VirtualService]) -> Iterator[HTTPRoute]:
    """A delegate that is not there has no rules: its requests find nothing, as in Istio."""
    if rule.delegate is None:
        yield rule
        return
    found = delegates.get(Key(rule.delegate.namespace or key.namespace, rule.delegate.name))
    if found is None:
        return
    for own in found.spec.http:
        yield _qualified(own, found.key.namespace).model_copy(update={"match": _both(rule.match, own.match)})


def _both(outer: tuple[HTTPMatch, ...], inner: tuple[HTTPMatch, ...]) -> tuple[HTTPMatch, ...]:
    if not outer or not inner:
        return outer or inner
    return tuple(_joined(first, second) for first in outer for second in inner)


def _joined(outer: HTTPMatch, inner: HTTPMatch) -> HTTPMatch:
    """What either asks for; where both do, the delegate's narrower word."""
    own = {name: getattr(inner, name) for name in inner.model_fields_set}
    own["headers"] = outer.headers | inner.headers
    own["source_labels"] = outer.source_labels | inner.source_labels
    return outer.model_copy(update=own)


def _qualified(rule: HTTPRoute, namespace: str) -> HTTPRoute:
    """Short names in a delegate are those of its own namespace."""
    route = tuple(
        part.model_copy(update={"destination": _in(part.destination, namespace)}) for part in rule.route
    )
    mirror = _in(rule.mirror, namespace) if rule.mirror else None
    return rule.model_copy(update={"route": route, "mirror": mirror})


def _in(destination: Destination, namespace: str) -> Destination:
    if "." in destination.host:
        return destination
    return destination.model_copy(update={"host": f"{destination.host}.{namespace}"})
