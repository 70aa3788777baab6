"""What an application's rendered manifests hold: the objects to apply, and a bundle for each Canary.

Everything that can be wrong with a canary's manifests is found here, before anything moves.
"""

from collections.abc import Iterable, Sequence

from tidegate.domain.alert_provider import AlertProvider
from tidegate.domain.analysis import Alert, Metric
from tidegate.domain.base import Model
from tidegate.domain.canary import API_GROUP, Canary
from tidegate.domain.errors import InvalidInput
from tidegate.domain.freeze_rule import FreezeRule
from tidegate.domain.manifest import Manifest, dig, group_of, name_of
from tidegate.domain.metric_template import MetricTemplate
from tidegate.domain.release_policy import ReleasePolicy
from tidegate.domain.workload import DAEMON_SET, DEPLOYMENT, SERVICE, kind_named
from tidegate.manifests import autoscaler, daemon_sets, policies, scaled_object, target_service
from tidegate.manifests.baseline import refuse_long_label, refuse_without_replicas
from tidegate.manifests.clashes import refuse_clashes, refuse_duplicates, refuse_long_names
from tidegate.manifests.naming import Names, Selector, names, selector_of
from tidegate.manifests.references import Rendered, api_group, key, providers, referred, templates
from tidegate.manifests.scope import placed
from tidegate.manifests.target_port import port_warnings


class Bundle(Model):
    """A Canary and what it refers to: MetricTemplates and AlertProviders by each reference's "ns/name".

    Those that are not in Git are the cluster's. `manifest` is the Canary as Git has it.
    """

    canary: Canary
    manifest: Manifest
    target: Manifest
    autoscaler: Manifest | None = None
    templates: dict[str, MetricTemplate] = {}
    providers: dict[str, AlertProvider] = {}
    policy: ReleasePolicy | None = None
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
        """The primary's size in Git; None where others decide on it, or Git names none above 0."""
        asked = dig(self.target, "spec", "replicas") if self.target["kind"] == DEPLOYMENT.name else None
        return asked if self.autoscaler is None and isinstance(asked, int) and asked > 0 else None

    @property
    def with_baseline(self) -> bool:
        """Whether the canary is compared with a baseline, which its release deploys."""
        return self.policy is not None and self.policy.with_baseline

    @property
    def primary_autoscaler(self) -> Manifest | None:
        """What scales the primary; None where nothing does."""
        if self.autoscaler is None:
            return None
        ref = self.canary.spec.autoscaler_ref
        return autoscaler.primary_autoscaler(self.autoscaler, self.names.primary, ref)

    def provider_of(self, alert: Alert) -> AlertProvider | None:
        """The AlertProvider of an alert; None when it names one of the cluster's."""
        return self.providers.get(key(alert.provider_ref, self.canary))

    def template_of(self, metric: Metric) -> MetricTemplate | None:
        """The MetricTemplate of a metric; None when it has no templateRef, or names one of the cluster's."""
        ref = metric.template_ref
        return self.templates.get(key(ref, self.canary)) if ref else None


class Contents(Model):
    """All of an application's manifests, in their namespaces and in API versions that are still served."""

    manifests: tuple[Manifest, ...]
    bundles: tuple[Bundle, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def freezes(self) -> tuple[FreezeRule, ...]:
        """Those of all canaries' policies, each once."""
        rules = (rule for each in self.bundles if each.policy for rule in each.policy.spec.freezes)
        return tuple(dict.fromkeys(rules))

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
    refuse_duplicates([(bundle.canary, each) for bundle, each in found])
    bundles = tuple(bundle for bundle, _ in found)
    policies.refuse_strays([bundle.canary for bundle in bundles], objects)
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
            manifest=rendered.manifest,
            target=target.manifest,
            autoscaler=_autoscaler(canary, objects),
            templates=templates(canary, objects, warnings),
            providers=providers(canary, objects, warnings),
            policy=policies.policy_of(canary, objects),
            warnings=(*canary.warnings, *warnings, *port_warnings(canary, target.manifest)),
        )
        refuse_long_names(bundle.names, baseline=bundle.with_baseline)
        if bundle.with_baseline:
            refuse_without_replicas(bundle.target)
            refuse_long_label(bundle.target, bundle.selector)
    except InvalidInput as error:
        raise rendered.blamed(error) from None
    refuse_clashes(bundle.canary, objects, baseline=bundle.with_baseline)
    return bundle


def _target(canary: Canary, objects: Sequence[Rendered]) -> Rendered:
    ref = canary.spec.target_ref
    group = group_of(kind_named(ref.kind).api_version)
    if ref.kind == SERVICE.name:
        target_service.refuse_own_apex(canary)
    target = referred(canary, objects, group, ref.kind, ref.name, "spec.targetRef.name")
    try:
        _refuse_unfit(canary, target.manifest)
    except InvalidInput as error:
        raise target.blamed(error) from None
    return target


def _refuse_unfit(canary: Canary, target: Manifest) -> None:
    kind = canary.spec.target_ref.kind
    if kind == SERVICE.name:
        return target_service.refuse_unfit(canary, target)
    selector_of(target)
    if kind == DAEMON_SET.name:
        return daemon_sets.refuse_unfit(target)
    return _refuse_odd_count(target, "replicas")


def _autoscaler(canary: Canary, objects: Sequence[Rendered]) -> Manifest | None:
    ref = canary.spec.autoscaler_ref
    if ref is None:
        return None
    group = autoscaler.group(ref.kind)
    found = referred(canary, objects, group, ref.kind, ref.name, "spec.autoscalerRef.name")
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


def _is_canary(manifest: Manifest) -> bool:
    return manifest.get("kind") == "Canary" and api_group(manifest) == API_GROUP
