"""What a Canary refers to among the rendered manifests, found by kind and name."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import NamedTuple, TypeVar

from tidegate.domain.alert_provider import AlertProvider
from tidegate.domain.analysis import TemplateRef
from tidegate.domain.canary import API_GROUP, Canary
from tidegate.domain.errors import InvalidInput
from tidegate.domain.manifest import Manifest, dig, group_of, name_of
from tidegate.domain.metric_template import MetricTemplate

KUSTOMIZATION_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
THE_CLUSTERS = "the cluster's is used"
"""Said of what a Canary refers to and Git does not have."""

R = TypeVar("R", MetricTemplate, AlertProvider)


class Rendered(NamedTuple):
    """A manifest, and the file that it came from for messages."""

    manifest: Manifest
    file: str = ""

    def blamed(self, error: InvalidInput) -> InvalidInput:
        """The error, naming file and object: what kustomize builds is written in any of its files."""
        kind, namespace = self.manifest.get("kind") or "", namespace_of(self.manifest)
        name = f"{namespace}/{name_of(self.manifest)}" if namespace else name_of(self.manifest)
        subject = f"{kind} {name}".strip()
        if PurePosixPath(self.file).name in KUSTOMIZATION_NAMES:
            return error.within("", f"{subject} (built by {self.file})")
        return error.within(self.file, subject)


def referred(
    canary: Canary, objects: Sequence[Rendered], group: str, kind: str, name: str, field: str
) -> Rendered:
    """The object of the canary's namespace that a reference names."""
    found = [each for each in objects if is_object(each.manifest, group, kind, name)]
    here = [each for each in found if namespace_of(each.manifest) == canary.namespace]
    if here:
        return here[0]
    if found:
        elsewhere = namespace_of(found[0].manifest)
        raise InvalidInput(
            f"{kind} {name} is in namespace {elsewhere}, and the Canary in {canary.namespace}",
            field=field,
            mend="put both into one namespace",
        )
    raise InvalidInput(
        f"no {kind} {name} among the manifests",
        field=field,
        mend=f"add the {kind} to the application's path, or correct the name",
    )


def templates(canary: Canary, objects: Sequence[Rendered], warnings: list[str]) -> dict[str, MetricTemplate]:
    """The MetricTemplates of the canary's metrics that are in Git, by their keys."""
    known: dict[str, MetricTemplate] = {}
    for index, metric in enumerate(canary.spec.analysis.metrics):
        if ref := metric.template_ref:
            field = f"spec.analysis.metrics.{index}.templateRef"
            if found := _beside(MetricTemplate, ref, canary, objects, field, warnings):
                _warn(warnings, *found.warnings)
                known[key(ref, canary)] = found
    return known


def providers(canary: Canary, objects: Sequence[Rendered], warnings: list[str]) -> dict[str, AlertProvider]:
    """The AlertProviders of the canary's alerts that are in Git, by their keys."""
    known: dict[str, AlertProvider] = {}
    for index, alert in enumerate(canary.spec.analysis.alerts):
        field, ref = f"spec.analysis.alerts.{index}.providerRef", alert.provider_ref
        if found := _beside(AlertProvider, ref, canary, objects, field, warnings):
            known[key(ref, canary)] = found
    return known


def key(ref: TemplateRef, canary: Canary) -> str:
    """The key of what a Canary refers to: "ns/name"."""
    return f"{ref.namespace or canary.namespace}/{ref.name}"


def _beside(
    model: type[R],
    ref: TemplateRef,
    canary: Canary,
    objects: Sequence[Rendered],
    field: str,
    warnings: list[str],
) -> R | None:
    """What a Canary refers to by name and namespace; None when the manifests have nothing of that name."""
    kind = model.__name__
    found = [each for each in objects if is_object(each.manifest, API_GROUP, kind, ref.name)]
    if not found:
        _warn(warnings, f"{kind} {key(ref, canary)} is not in Git: {THE_CLUSTERS}")
        return None
    wanted = ref.namespace or canary.namespace
    exact = [each for each in found if namespace_of(each.manifest) == wanted]
    if not exact and len(found) != 1:
        raise InvalidInput(
            f"no {kind} {wanted}/{ref.name} among the manifests",
            field=f"{field}.name",
            mend="add it to the application's path, or correct the reference",
        )
    chosen = (exact or found)[0]
    if not exact:
        _warn(
            warnings,
            f"{kind} {wanted}/{ref.name} is in namespace {namespace_of(chosen.manifest)} "
            "once rendered; it is used all the same",
        )
    try:
        parsed = model.parse(chosen.manifest)
        if names_foreign_secret(parsed, canary):
            if isinstance(parsed, AlertProvider):
                raise foreign_secret(parsed, canary)
            _warn(
                warnings,
                f"{kind} {parsed.metadata.namespace}/{ref.name} has a Secret of another namespace than the "
                "Canary's: the cluster's is used",
            )
    except InvalidInput as error:
        raise chosen.blamed(error) from None
    return parsed


def names_foreign_secret(found: MetricTemplate | AlertProvider, canary: Canary) -> bool:
    """Whether what Git holds would send another namespace's Secret to the address that it gives.

    Whoever may deploy into the Canary's namespace may read its Secrets anyway. What is in the cluster is its
    namespace's word, address and Secret alike, and may be shared.
    """
    named = found.spec.secret_ref if isinstance(found, AlertProvider) else found.spec.provider.secret_ref
    return named is not None and found.metadata.namespace != canary.namespace


def foreign_secret(found: MetricTemplate | AlertProvider, canary: Canary) -> InvalidInput:
    """Why such a one is refused that is not in the cluster."""
    namespace = found.metadata.namespace
    alerting = isinstance(found, AlertProvider)
    mend = "leave it out of Git, and the cluster's is used" if alerting else "apply it in the cluster"
    return InvalidInput(
        f"refers to a Secret of the namespace {namespace}, and the Canary is in {canary.namespace}",
        subject="" if alerting else f"MetricTemplate {namespace}/{found.metadata.name}",
        field="spec.secretRef" if alerting else "spec.provider.secretRef",
        mend=f"{mend}, or move both into the Canary's namespace",
    )


def _warn(warnings: list[str], *told: str) -> None:
    """Each once: several metrics and alerts may refer to one object."""
    warnings.extend(each for each in told if each not in warnings)


def is_object(manifest: Manifest, group: str, kind: str, name: str) -> bool:
    """Whether it is the object of that kind and name, in whichever namespace."""
    return (api_group(manifest), manifest.get("kind"), name_of(manifest)) == (group, kind, name)


def api_group(manifest: Manifest) -> str:
    """The API group of its apiVersion; empty for Kubernetes' core."""
    return group_of(str(manifest.get("apiVersion") or ""))


def namespace_of(manifest: Manifest) -> str:
    """metadata.namespace; empty when missing."""
    return str(dig(manifest, "metadata", "namespace") or "")
