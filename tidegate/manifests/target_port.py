"""Whether anybody listens where a canary's Services lead: its target port against its target's containers.

Kubernetes takes a port that no container declares, and a Service of a name that none has leads to nobody.
"""

from collections.abc import Iterable, Iterator

from tidegate.domain.canary import Canary
from tidegate.domain.errors import InvalidInput
from tidegate.domain.manifest import Manifest, dig, name_of

HIGHEST = 65535


def port_warnings(canary: Canary, target: Manifest) -> tuple[str, ...]:
    """A warning where the containers declare other numbers; InvalidInput where Services lead to nobody."""
    asked = canary.spec.service.target_port
    containers = list(_containers(target))
    if isinstance(asked, str):
        _refuse_unknown_name(asked, containers, target)
        return ()
    if asked is not None and not 1 <= asked <= HIGHEST:
        raise _invalid(
            f"is {asked}, which is no port", f"write a number from 1 to {HIGHEST}, or a port's name"
        )
    number = asked or canary.spec.service.port
    declared = [port.get("containerPort") for port in _ports(containers)]
    if not declared or number in declared:  # who declares nothing says nothing
        return ()
    field = "spec.service.targetPort" if asked else "spec.service.port"
    return (
        f"Canary {canary.namespace}/{canary.name}: {field} is {number}, a port that no container of "
        f"{name_of(target)} declares (they declare {_listed(declared)}): Kubernetes allows that; if nobody "
        "listens there, users get errors",
    )


def _refuse_unknown_name(asked: str, containers: list[Manifest], target: Manifest) -> None:
    names = [port["name"] for port in _ports(containers) if port.get("name")]
    if not containers or asked in names:
        return
    known = f"their ports are named {_listed(names)}" if names else "none of their ports has a name"
    mend = "correct the name, or name the port in the container, or write its number"
    raise _invalid(f"no container of {name_of(target)} has a port named {asked!r} ({known})", mend)


def _invalid(problem: str, mend: str) -> InvalidInput:
    return InvalidInput(problem, field="spec.service.targetPort", mend=mend)


def _containers(target: Manifest) -> Iterator[Manifest]:
    """Those that a Service may lead to: sidecars among the init containers as well."""
    pod = dig(target, "spec", "template", "spec")
    yield from _items(dig(pod, "containers"))
    yield from (each for each in _items(dig(pod, "initContainers")) if each.get("restartPolicy") == "Always")


def _ports(containers: list[Manifest]) -> Iterator[Manifest]:
    """Those of TCP, which is what the Services carry."""
    for container in containers:
        yield from (
            port for port in _items(container.get("ports")) if (port.get("protocol") or "TCP") == "TCP"
        )


def _items(part: object) -> Iterator[Manifest]:
    """The mappings of a list: what is malformed is the cluster's to refuse."""
    yield from (each for each in (part if isinstance(part, list) else ()) if isinstance(each, dict))


def _listed(known: Iterable[object]) -> str:
    return ", ".join(str(each) for each in dict.fromkeys(known))
