"""What an application's canaries must not share with each other, or with what Git describes."""

from collections.abc import Callable, Sequence

from tidegate.domain.canary import Canary
from tidegate.domain.errors import InvalidInput
from tidegate.domain.manifest import group_of, name_of
from tidegate.domain.workload import SERVICE, kind_named
from tidegate.manifests import autoscaler, istio, scaled_object
from tidegate.manifests.naming import LONGEST_LABEL, Names, names
from tidegate.manifests.references import Rendered, api_group, namespace_of


def refuse_long_names(known: Names, *, baseline: bool = False) -> None:
    """InvalidInput where a Service's name would be no DNS label."""
    beside = (known.baseline_service,) if baseline else ()
    for service in (known.apex, known.primary_service, known.canary_service, *beside):
        if len(service) > LONGEST_LABEL:
            raise InvalidInput(
                f"the Service name {service!r} is longer than {LONGEST_LABEL} characters",
                field="spec.service.name",
                mend="give a shorter one",
            )


def refuse_clashes(canary: Canary, objects: Sequence[Rendered], *, baseline: bool = False) -> None:
    """What a release makes itself must not be in Git too: each sync would undo the release."""
    made = _made(canary) | (_made_beside(names(canary)) if baseline else set())
    for each in objects:
        manifest = each.manifest
        clash = (api_group(manifest), str(manifest.get("kind")), name_of(manifest))
        if namespace_of(manifest) == canary.namespace and clash in made:
            error = InvalidInput(
                f"is made by the release of Canary {canary.name}",
                field="metadata.name",
                mend="remove this manifest, or give it another name",
            )
            raise each.blamed(error)


def _made(canary: Canary) -> set[tuple[str, str, str]]:
    """(group, kind, name) of the objects that a release makes."""
    known = names(canary)
    kind = kind_named(canary.spec.target_ref.kind)
    made = {(group_of(kind.api_version), kind.name, known.primary)}
    made |= {("", "Service", name) for name in (known.primary_service, known.canary_service)}
    made |= {("", "Service", known.apex)} if kind is not SERVICE else set()
    made |= {(istio.GROUP, "DestinationRule", name) for name in (known.primary_service, known.canary_service)}
    made.add((istio.GROUP, "VirtualService", known.apex))
    made.add(("autoscaling", autoscaler.KIND, known.primary_autoscaler))
    made.add((scaled_object.GROUP, scaled_object.KIND, known.primary_autoscaler))
    return made


def _made_beside(known: Names) -> set[tuple[str, str, str]]:
    """The same of those that are made for a baseline."""
    return {
        ("apps", "Deployment", known.baseline),
        ("", "Service", known.baseline_service),
        (istio.GROUP, "DestinationRule", known.baseline_service),
    }


_UNIQUE: dict[str, Callable[[Canary], str]] = {
    "metadata.name": lambda canary: canary.name,
    "spec.targetRef.name": lambda canary: names(canary).target,
    "spec.service.name": lambda canary: names(canary).apex,
}
"""Field -> its value, which no two canaries of a namespace may share."""


def refuse_duplicates(found: Sequence[tuple[Canary, Rendered]]) -> None:
    """InvalidInput for the second of two canaries that would fight over one object."""
    for field, value_of in _UNIQUE.items():
        seen: set[tuple[str, str]] = set()
        for canary, rendered in found:
            value = (canary.namespace, value_of(canary))
            if value in seen:
                error = InvalidInput(
                    f"another Canary has {value[1]!r} here too",
                    field=field,
                    mend="keep one of them, or give each its own",
                )
                raise rendered.blamed(error)
            seen.add(value)
