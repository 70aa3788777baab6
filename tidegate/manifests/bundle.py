"""What an application's rendered manifests hold: the objects to apply, and a bundle for each Canary.

Everything that can be wrong with a canary's manifests is found here, before anything moves.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

from tidegate.domain.alert_provider import AlertProvider
from tidegate.domain.analysis import Alert, Metric, TemplateRef
from tidegate.domain.base import Model
from tidegate.domain.canary import API_GROUP, Canary
from tidegate.domain.errors import InvalidInput
from tidegate.domain.manifest import Manifest, dig, group_of, name_of
from tidegate.domain.metric_template import MetricTemplate
from tidegate.manifests import autoscaler, istio, scaled_object
from tidegate.manifests.naming import LONGEST_LABEL, Names, Selector, names, selector_of
from tidegate.manifests.scope import placed

R = TypeVar("R", MetricTemplate, AlertProvider)


class Rendered(NamedTuple):
    """A manifest, and the file that it came from for messages."""

    manifest: Manifest
    file: str = ""

    def blamed(self, error: InvalidInput) -> InvalidInput:
        """The error, naming file and object: kustomize renders all objects into one file."""
        kind, namespace = self.manifest.get("kind") or "", _namespace(self.manifest)
        name = f"{namespace}/{name_of(self.manifest)}" if namespace else name_of(self.manifest)
        return error.within(self.file, f"{kind} {name}".strip())


class Bundle(Model):
    """A Canary and what it refers to: MetricTemplates and AlertProviders by each reference's "ns/name"."""

    canary: Canary
    target: Manifest
    autoscaler: Manifest | None = None
    templates: dict[str, MetricTemplate] = {}
    providers: dict[str, AlertProvider] = {}
    warnings: tuple[str, ...] = ()

    @property
    def names(self) -> Names:
        """The names of everything that belongs to the canary."""
        return names(self.canary)

    @property
    def selector(self) -> Selector:
        """The label that tells the target's pods from the primary's."""
        return selector_of(self.target)

    @property
    def replicas(self) -> int | None:
        """The primary's size in Git; None where an autoscaler decides, or Git names none above 0."""
        asked = dig(self.target, "spec", "replicas")
        return asked if self.autoscaler is None and isinstance(asked, int) and asked > 0 else None

    @property
    def primary_autoscaler(self) -> Manifest | None:
        """What scales the primary; None where nothing does."""
        if self.autoscaler is None:
            return None
        ref = self.canary.spec.autoscaler_ref
        return autoscaler.primary_autoscaler(self.autoscaler, self.names.primary, ref)

    def provider_of(self, alert: Alert) -> AlertProvider:
        """The AlertProvider of an alert."""
        return self.providers[_key(alert.provider_ref, self.canary)]

    def template_of(self, metric: Metric) -> MetricTemplate | None:
        """The MetricTemplate of a metric; None when it has no templateRef, or names one of the cluster's."""
        ref = metric.template_ref
        return self.templates.get(_key(ref, self.canary)) if ref else None


class Contents(Model):
    """All of an application's manifests, in their namespaces and in API versions that are still served."""

    manifests: tuple[Manifest, ...]
    bundles: tuple[Bundle, ...] = ()
    warnings: tuple[str, ...] = ()

    def bundle(self, namespace: str, name: str) -> Bundle:
        """The bundle of that canary; InvalidInput when the manifests hold none."""
        for bundle in self.bundles:
            if (bundle.canary.namespace, bundle.canary.name) == (namespace, name):
                return bundle
        raise InvalidInput(f"there is no Canary {namespace}/{name} among the manifests", mend="add it")


def read_contents(rendered: Iterable[tuple[Manifest, str]], namespace: str) -> Contents:
    """Everything in an application's manifests, or InvalidInput; `namespace` is the destination's."""
    warnings: list[str] = []
    objects = [_current(Rendered(*each), namespace, warnings) for each in rendered]
    found = [(_bundle(each, objects), each) for each in objects if _is_canary(each.manifest)]
    _refuse_duplicates(found)
    bundles = tuple(bundle for bundle, _ in found)
    warnings.extend(warning for bundle in bundles for warning in bundle.warnings)
    return Contents(
        manifests=tuple(each.manifest for each in objects), bundles=bundles, warnings=tuple(warnings)
    )


def _current(rendered: Rendered, namespace: str, warnings: list[str]) -> Rendered:
    manifest, file = rendered
    if not isinstance(manifest.get("metadata") or {}, dict):
        error = InvalidInput("is not a mapping", field="metadata", mend="write name and namespace")
        raise rendered.blamed(error)
    here = Rendered(placed(manifest, namespace), file)
    if autoscaler.is_old(manifest):
        warnings.append(
            f"{file or name_of(manifest)}: {manifest['apiVersion']} is no longer served by today's clusters; "
            f"HorizontalPodAutoscaler {name_of(manifest)} is applied as {autoscaler.CURRENT}"
        )
    try:
        return Rendered(autoscaler.converted(here.manifest), file)
    except InvalidInput as error:
        raise here.blamed(error) from None


def _bundle(rendered: Rendered, objects: Sequence[Rendered]) -> Bundle:
    warnings: list[str] = []
    try:
        canary = Canary.parse(rendered.manifest)
        target = _target(canary, objects)
        bundle = Bundle(
            canary=canary,
            target=target.manifest,
            autoscaler=_autoscaler(canary, objects),
            templates=_templates(canary, objects, warnings),
            providers=_providers(canary, objects, warnings),
            warnings=(*canary.warnings, *warnings),
        )
        _refuse_long_names(bundle.names)
    except InvalidInput as error:
        raise rendered.blamed(error) from None
    _refuse_clashes(bundle, objects)
    return bundle


def _target(canary: Canary, objects: Sequence[Rendered]) -> Rendered:
    name = canary.spec.target_ref.name
    target = _referred(canary, objects, "apps", "Deployment", name, "spec.targetRef.name")
    try:
        selector_of(target.manifest)
        _refuse_odd_count(target.manifest, "replicas")
    except InvalidInput as error:
        raise target.blamed(error) from None
    return target


def _autoscaler(canary: Canary, objects: Sequence[Rendered]) -> Manifest | None:
    ref = canary.spec.autoscaler_ref
    if ref is None:
        return None
    group = autoscaler.group(ref.kind)
    found = _referred(canary, objects, group, ref.kind, ref.name, "spec.autoscalerRef.name")
    scaled = dig(found.manifest, "spec", "scaleTargetRef", "name")
    if scaled != canary.spec.target_ref.name:
        error = InvalidInput(
            f"scales {scaled!r}, and the Canary's target is {canary.spec.target_ref.name!r}",
            field="spec.scaleTargetRef.name",
            mend="let it scale the canary's target",
        )
        raise found.blamed(error)
    try:
        for field in (autoscaler.BOUNDS[0], scaled_object.BOUNDS[0]):
            _refuse_odd_count(found.manifest, field)
    except InvalidInput as error:
        raise found.blamed(error) from None
    _refuse_crossed_bounds(autoscaler.primary_autoscaler(found.manifest, canary.spec.target_ref.name, ref))
    return found.manifest


def _refuse_crossed_bounds(scaler: Manifest) -> None:
    """The primary's bounds are the Canary's and, where it gives none, the target's."""
    lowest, highest = autoscaler.bounds(scaler)
    if lowest is not None and highest is not None and lowest > highest:
        raise InvalidInput(
            f"leaves the primary between {lowest} and {highest} replicas",
            field="spec.autoscalerRef.primaryScalerReplicas",
            mend="give minReplicas and maxReplicas that rise",
        )


def _refuse_odd_count(manifest: Manifest, name: str) -> None:
    """A field of the spec that is no count: the release reads it before the cluster has seen it."""
    count = dig(manifest, "spec", name)
    if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 0):
        raise InvalidInput(
            f"{count!r} is no number of replicas", field=f"spec.{name}", mend="write a whole number, as in 2"
        )


def _referred(
    canary: Canary, objects: Sequence[Rendered], group: str, kind: str, name: str, field: str
) -> Rendered:
    """The object of the canary's namespace that a reference names."""
    found = [each for each in objects if _is(each.manifest, group, kind, name)]
    here = [each for each in found if _namespace(each.manifest) == canary.namespace]
    if here:
        return here[0]
    if found:
        elsewhere = _namespace(found[0].manifest)
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


def _templates(canary: Canary, objects: Sequence[Rendered], warnings: list[str]) -> dict[str, MetricTemplate]:
    templates = {}
    for index, metric in enumerate(canary.spec.analysis.metrics):
        if ref := metric.template_ref:
            if not any(_is(each.manifest, API_GROUP, "MetricTemplate", ref.name) for each in objects):
                warnings.append(f"MetricTemplate {_key(ref, canary)} is not in Git: the cluster's is used")
                continue
            field = f"spec.analysis.metrics.{index}.templateRef"
            found = _beside(MetricTemplate, ref, canary, objects, field, warnings)
            warnings.extend(warning for warning in found.warnings if warning not in warnings)
            templates[_key(ref, canary)] = found
    return templates


def _providers(canary: Canary, objects: Sequence[Rendered], warnings: list[str]) -> dict[str, AlertProvider]:
    providers = {}
    for index, alert in enumerate(canary.spec.analysis.alerts):
        field, ref = f"spec.analysis.alerts.{index}.providerRef", alert.provider_ref
        providers[_key(ref, canary)] = _beside(AlertProvider, ref, canary, objects, field, warnings)
    return providers


def _beside(
    model: type[R],
    ref: TemplateRef,
    canary: Canary,
    objects: Sequence[Rendered],
    field: str,
    warnings: list[str],
) -> R:
    """What a Canary refers to by name and namespace."""
    kind = model.__name__
    found = [each for each in objects if _is(each.manifest, API_GROUP, kind, ref.name)]
    wanted = ref.namespace or canary.namespace
    exact = [each for each in found if _namespace(each.manifest) == wanted]
    if not exact and len(found) != 1:
        raise InvalidInput(
            f"no {kind} {wanted}/{ref.name} among the manifests",
            field=f"{field}.name",
            mend="add it to the application's path, or correct the reference",
        )
    chosen = (exact or found)[0]
    if not exact:
        warnings.append(
            f"{kind} {wanted}/{ref.name} is in namespace {_namespace(chosen.manifest)} "
            "once rendered; it is used all the same"
        )
    try:
        parsed = model.parse(chosen.manifest)
        _refuse_foreign_secret(parsed, _namespace(chosen.manifest), canary)
    except InvalidInput as error:
        raise chosen.blamed(error) from None
    return parsed


def _refuse_foreign_secret(found: MetricTemplate | AlertProvider, namespace: str, canary: Canary) -> None:
    """A chat's address is Git's word alone: it must not be able to collect another namespace's token."""
    if isinstance(found, AlertProvider) and found.spec.secret_ref and namespace != canary.namespace:
        raise InvalidInput(
            f"refers to a Secret of the namespace {namespace}, and the Canary is in {canary.namespace}",
            field="spec.secretRef",
            mend="move both into the Canary's namespace",
        )


def _key(ref: TemplateRef, canary: Canary) -> str:
    return f"{ref.namespace or canary.namespace}/{ref.name}"


def _refuse_long_names(known: Names) -> None:
    for service in (known.apex, known.primary_service, known.canary_service):
        if len(service) > LONGEST_LABEL:
            raise InvalidInput(
                f"the Service name {service!r} is longer than {LONGEST_LABEL} characters",
                field="spec.service.name",
                mend="give a shorter one",
            )


def _refuse_clashes(bundle: Bundle, objects: Sequence[Rendered]) -> None:
    """What a release makes itself must not be in Git too: each sync would undo the release."""
    made = _made(bundle)
    for each in objects:
        manifest = each.manifest
        clash = (_group(manifest), str(manifest.get("kind")), name_of(manifest))
        if _namespace(manifest) == bundle.canary.namespace and clash in made:
            error = InvalidInput(
                f"is made by the release of Canary {bundle.canary.name}",
                field="metadata.name",
                mend="remove this manifest, or give it another name",
            )
            raise each.blamed(error)


def _made(bundle: Bundle) -> set[tuple[str, str, str]]:
    """(group, kind, name) of the objects that a release makes."""
    known = bundle.names
    made = {("apps", "Deployment", known.primary)}
    made |= {("", "Service", name) for name in (known.apex, known.primary_service, known.canary_service)}
    made |= {(istio.GROUP, "DestinationRule", name) for name in (known.primary_service, known.canary_service)}
    made.add((istio.GROUP, "VirtualService", known.apex))
    made.add(("autoscaling", autoscaler.KIND, known.primary_autoscaler))
    made.add((scaled_object.GROUP, scaled_object.KIND, known.primary_autoscaler))
    return made


_UNIQUE: dict[str, Callable[[Bundle], str]] = {
    "metadata.name": lambda bundle: bundle.canary.name,
    "spec.targetRef.name": lambda bundle: bundle.names.target,
    "spec.service.name": lambda bundle: bundle.names.apex,
}
"""Field -> its value, which no two canaries of a namespace may share."""


def _refuse_duplicates(found: Sequence[tuple[Bundle, Rendered]]) -> None:
    for field, value_of in _UNIQUE.items():
        seen: set[tuple[str, str]] = set()
        for bundle, rendered in found:
            value = (bundle.canary.namespace, value_of(bundle))
            if value in seen:
                error = InvalidInput(
                    f"another Canary has {value[1]!r} here too",
                    field=field,
                    mend="keep one of them, or give each its own",
                )
                raise rendered.blamed(error)
            seen.add(value)


def _is_canary(manifest: Manifest) -> bool:
    return manifest.get("kind") == "Canary" and _group(manifest) == API_GROUP


def _is(manifest: Manifest, group: str, kind: str, name: str) -> bool:
    return (_group(manifest), manifest.get("kind"), name_of(manifest)) == (group, kind, name)


def _group(manifest: Manifest) -> str:
    return group_of(str(manifest.get("apiVersion") or ""))


def _namespace(manifest: Manifest) -> str:
    return str(dig(manifest, "metadata", "namespace") or "")
