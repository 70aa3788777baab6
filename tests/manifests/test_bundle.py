"""What is found in manifests, and how faults in them are told."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from tidegate.domain.errors import InvalidInput
from tidegate.domain.plan import Routing
from tidegate.manifests.autoscaler import primary_autoscaler
from tidegate.manifests.bundle import read_contents
from tidegate.manifests.istio import destination_rules, virtual_service
from tidegate.manifests.primary import primary
from tidegate.manifests.promotion import initial_marks
from tidegate.manifests.services import services

GOLDEN = Path(__file__).parent / "golden" / "podinfo.yaml"

Rendered = list[tuple[dict[str, Any], str]]


def _bundle(rendered: Rendered) -> Any:
    return read_contents(rendered, "test").bundle("test", "podinfo")


def test_a_bundle_has_what_its_canary_refers_to(samples: Any) -> None:
    bundle = _bundle(samples.all)
    assert bundle.target == samples.deployment
    assert bundle.autoscaler == samples.hpa
    assert bundle.template_of(bundle.canary.spec.analysis.metrics[1]).spec.query == "up"
    assert bundle.template_of(bundle.canary.spec.analysis.metrics[0]) is None
    assert bundle.warnings == ()


def test_manifests_without_a_namespace_go_to_the_destination(samples: Any) -> None:
    rendered = samples.all
    for manifest, _ in rendered:
        del manifest["metadata"]["namespace"]
    rendered.append(({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}, "ns.yaml"))
    del rendered[2][0]["spec"]["analysis"]["metrics"][1]["templateRef"]["namespace"]
    contents = read_contents(rendered, "test")
    namespaces = [manifest["metadata"].get("namespace") for manifest in contents.manifests]
    assert namespaces == ["test", "test", "test", "test", None]
    assert contents.bundle("test", "podinfo").target["metadata"]["namespace"] == "test"


def test_reading_leaves_the_rendered_manifests_as_they_are(samples: Any) -> None:
    rendered = samples.all
    rendered[1][0]["apiVersion"] = "autoscaling/v2beta1"
    before = deepcopy(rendered)
    read_contents(rendered, "test")
    assert rendered == before


def test_a_metric_template_moved_by_kustomize_is_found_by_its_name(samples: Any) -> None:
    rendered = samples.all
    rendered[3][0]["metadata"]["namespace"] = "test"
    bundle = _bundle(rendered)
    assert bundle.template_of(bundle.canary.spec.analysis.metrics[1]).metadata.namespace == "test"
    assert bundle.warnings == (
        "MetricTemplate istio-system/latency is in namespace test once rendered; it is used all the same",
    )


def test_a_template_that_is_not_in_git_is_the_cluster_s(samples: Any) -> None:
    rendered = samples.all
    _without(3)(rendered)
    contents = read_contents(rendered, "test")
    assert contents.warnings == ("MetricTemplate istio-system/latency is not in Git: the cluster's is used",)
    (bundle,) = contents.bundles
    assert [bundle.template_of(each) for each in bundle.canary.spec.analysis.metrics] == [None, None]


def _alerted(samples: Any, namespace: str = "", **spec: Any) -> Rendered:
    """The manifests, with two alerts for one chat; given a namespace, its AlertProvider is among them."""
    rendered: Rendered = samples.all
    ref = {"name": "on-call", "namespace": "chats"}
    alerts = [{"name": name, "providerRef": ref} for name in ("team", "boss")]
    _with(2, "spec", "analysis", "alerts", value=alerts)(rendered)
    if namespace:
        metadata = {"name": "on-call", "namespace": namespace}
        _extra("flagger.app/v1beta1", "AlertProvider", "on-call")(rendered)
        rendered[-1][0].update(metadata=metadata, spec={"type": "slack", **spec})
    return rendered


def test_an_alert_provider_that_is_not_in_git_is_the_cluster_s(samples: Any) -> None:
    contents = read_contents(_alerted(samples), "test")
    assert contents.warnings == ("AlertProvider chats/on-call is not in Git: the cluster's is used",)
    (bundle,) = contents.bundles
    assert [bundle.provider_of(each) for each in bundle.canary.spec.analysis.alerts] == [None, None]


@pytest.mark.parametrize(
    ("namespace", "spec"),
    [("chats", {"address": "https://chat.test/x"}), ("test", {"secretRef": {"name": "slack"}})],
)
def test_an_alert_provider_in_git_goes_before_the_cluster_s(
    samples: Any, namespace: str, spec: dict[str, Any]
) -> None:
    bundle = _bundle(_alerted(samples, namespace, **spec))
    found = bundle.provider_of(bundle.canary.spec.analysis.alerts[0])
    assert found.metadata.namespace == namespace


def test_an_alert_provider_in_git_cannot_have_another_namespace_s_secret(samples: Any) -> None:
    with pytest.raises(InvalidInput) as raised:
        read_contents(_alerted(samples, "chats", secretRef={"name": "slack"}), "test")
    assert str(raised.value) == (
        "extra.yaml: AlertProvider chats/on-call: spec.secretRef: refers to a Secret of the namespace chats, "
        "and the Canary is in test; leave it out of Git, and the cluster's is used, "
        "or move both into the Canary's namespace"
    )


def test_a_template_that_verifies_nobody_is_warned_of_once(samples: Any) -> None:
    rendered = samples.all
    _with(3, "spec", "provider", "insecureSkipVerify", value=True)(rendered)
    (warning,) = read_contents(rendered, "test").warnings
    assert warning.startswith("MetricTemplate istio-system/latency has insecureSkipVerify: nobody verifies")


@pytest.mark.parametrize("version", ["autoscaling/v2beta1", "autoscaling/v2beta2"])
def test_an_old_autoscaler_is_converted_with_a_warning(samples: Any, version: str) -> None:
    rendered = samples.all
    rendered[1][0]["apiVersion"] = version
    contents = read_contents(rendered, "test")
    assert contents.bundles[0].autoscaler == samples.hpa
    assert contents.manifests[1] == samples.hpa
    assert contents.warnings == (
        f"hpa.yaml: {version} is no longer served by today's clusters; "
        "HorizontalPodAutoscaler podinfo is applied as autoscaling/v2",
    )


@pytest.mark.parametrize("commit", ["db4a74f", "0c62d7c"])
def test_the_articles_manifests_are_read(samples: Any, commit: str) -> None:
    bundle = _bundle(samples.seed(commit))
    metrics = bundle.autoscaler["spec"]["metrics"]
    assert bundle.autoscaler["apiVersion"] == "autoscaling/v2"
    assert metrics == [
        {
            "type": "Resource",
            "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 99}},
        }
    ]
    assert len(bundle.canary.spec.analysis.metrics) == 2


def test_the_articles_latency_template_is_found_where_kustomize_moved_it(samples: Any) -> None:
    bundle = _bundle(samples.seed("0c62d7c"))
    assert "histogram_quantile" in bundle.template_of(bundle.canary.spec.analysis.metrics[1]).spec.query
    assert bundle.warnings == (
        "MetricTemplate istio-system/latency is in namespace test once rendered; it is used all the same",
    )


def test_the_articles_canary_makes_exactly_these_objects(samples: Any) -> None:
    bundle = _bundle(samples.seed("0c62d7c"))
    version = "networking.istio.io/v1"
    made = [
        primary(bundle.target, replicas=2, annotations=initial_marks("0123456789abcdef", "0c62d7c", 7)),
        primary_autoscaler(bundle.autoscaler, bundle.names.primary),
        *services(bundle.canary, bundle.target),
        *destination_rules(bundle.canary, version),
        virtual_service(bundle.canary, version, Routing(canary=5)),
    ]
    assert made == list(yaml.safe_load_all(GOLDEN.read_text()))


def _without(index: int) -> Callable[[Rendered], None]:
    return lambda rendered: rendered.__delitem__(index)


def _with(index: int, *path: str | int, value: Any) -> Callable[[Rendered], None]:
    def change(rendered: Rendered) -> None:
        part: Any = rendered[index][0]
        for key in path[:-1]:
            part = part[key]
        part[path[-1]] = value

    return change


def _twice(index: int, **metadata: str) -> Callable[[Rendered], None]:
    def change(rendered: Rendered) -> None:
        copy = deepcopy(rendered[index][0])
        copy["metadata"] |= metadata
        rendered.append((copy, "again.yaml"))

    return change


def _extra(api_version: str, kind: str, name: str) -> Callable[[Rendered], None]:
    metadata = {"name": name, "namespace": "test"}
    manifest = {"apiVersion": api_version, "kind": kind, "metadata": metadata}
    return lambda rendered: rendered.append((manifest, "extra.yaml"))


MADE = "is made by the release of Canary podinfo; remove this manifest, or give it another name"

FAULTS = {
    "missing target": (
        _without(0),
        "canary.yaml: Canary test/podinfo: spec.targetRef.name: no Deployment podinfo among the manifests; "
        "add the Deployment to the application's path, or correct the name",
    ),
    "missing autoscaler": (
        _without(1),
        "canary.yaml: Canary test/podinfo: spec.autoscalerRef.name: "
        "no HorizontalPodAutoscaler podinfo among the manifests; "
        "add the HorizontalPodAutoscaler to the application's path, or correct the name",
    ),
    "target elsewhere": (
        _with(0, "metadata", "namespace", value="prod"),
        "canary.yaml: Canary test/podinfo: spec.targetRef.name: "
        "Deployment podinfo is in namespace prod, and the Canary in test; "
        "put both into one namespace",
    ),
    "autoscaler of another": (
        _with(1, "spec", "scaleTargetRef", "name", value="other"),
        "hpa.yaml: HorizontalPodAutoscaler test/podinfo: spec.scaleTargetRef.name: "
        "scales 'other', and the Canary's target is 'podinfo'; "
        "let it scale the canary's target",
    ),
    "two canaries of one name": (
        _twice(2),
        "again.yaml: Canary test/podinfo: metadata.name: another Canary has 'podinfo' here too; "
        "keep one of them, or give each its own",
    ),
    "two canaries with one target": (
        _twice(2, name="second"),
        "again.yaml: Canary test/second: spec.targetRef.name: another Canary has 'podinfo' here too; "
        "keep one of them, or give each its own",
    ),
    "no selector label": (
        _with(0, "spec", "selector", "matchLabels", value={"tier": "web"}),
        "deployment.yaml: Deployment test/podinfo: spec.selector.matchLabels: "
        "selects its pods by none of app, "
        "name, app.kubernetes.io/name; add one of them to the selector and to the pod template's labels",
    ),
    "other labels on the pods": (
        _with(0, "spec", "template", "metadata", "labels", value={"app": "other"}),
        "deployment.yaml: Deployment test/podinfo: spec.template.metadata.labels: "
        "the pods' label app is 'other', and the selector "
        "wants 'podinfo'; give the pod template the labels of the selector",
    ),
    "a label too long": (
        lambda rendered: [
            rendered[0][0]["spec"]["selector"]["matchLabels"].update(app="a" * 60),
            rendered[0][0]["spec"]["template"]["metadata"]["labels"].update(app="a" * 60),
        ],
        "deployment.yaml: Deployment test/podinfo: spec.selector.matchLabels.app: "
        f"the label value '{'a' * 60}-primary' is longer "
        "than 63 characters; use a value of at most 55 characters",
    ),
    "a service name too long": (
        _with(2, "spec", "service", "name", value="s" * 60),
        "canary.yaml: Canary test/podinfo: spec.service.name: "
        f"the Service name '{'s' * 60}-primary' is longer than 63 "
        "characters; give a shorter one",
    ),
    "another provider": (
        _with(3, "spec", "provider", "type", value="datadog"),
        "latency.yaml: MetricTemplate istio-system/latency: spec.provider: "
        "the provider datadog has no secretRef; add it",
    ),
    "a malformed canary": (
        _with(2, "spec", "analysis", "stepWeights", value=[1, 2]),
        "canary.yaml: Canary test/podinfo: spec.analysis: "
        "has both stepWeight and stepWeights; keep one of them",
    ),
    "a primary in Git": (
        _twice(0, name="podinfo-primary"),
        f"again.yaml: Deployment test/podinfo-primary: metadata.name: {MADE}",
    ),
    "the apex service in Git": (
        _extra("v1", "Service", "podinfo"),
        f"extra.yaml: Service test/podinfo: metadata.name: {MADE}",
    ),
    "the route in Git": (
        _extra("networking.istio.io/v1beta1", "VirtualService", "podinfo"),
        f"extra.yaml: VirtualService test/podinfo: metadata.name: {MADE}",
    ),
    "an unknown type of metric": (
        lambda rendered: rendered[1][0].update(
            apiVersion="autoscaling/v2beta1",
            spec=rendered[1][0]["spec"] | {"metrics": [{"type": "Guess"}]},
        ),
        "hpa.yaml: HorizontalPodAutoscaler test/podinfo: spec.metrics[0].type: 'Guess' is no type of metric; "
        "use Resource, ContainerResource, Pods, Object, External",
    ),
}


@pytest.mark.parametrize(("fault", "line"), FAULTS.values(), ids=FAULTS)
def test_a_fault_names_file_field_and_mend(
    samples: Any, fault: Callable[[Rendered], None], line: str
) -> None:
    rendered = samples.all
    fault(rendered)
    with pytest.raises(InvalidInput) as raised:
        read_contents(rendered, "test")
    assert str(raised.value) == line


def test_objects_of_those_names_in_other_namespaces_are_fine(samples: Any) -> None:
    elsewhere = {"name": "podinfo", "namespace": "other"}
    rendered = [*samples.all, ({"apiVersion": "v1", "kind": "Service", "metadata": elsewhere}, "svc.yaml")]
    assert _bundle(rendered).names.apex == "podinfo"


def test_an_unknown_canary_is_refused(samples: Any) -> None:
    with pytest.raises(InvalidInput, match="there is no Canary test/other among the manifests"):
        read_contents(samples.all, "test").bundle("test", "other")


@pytest.mark.parametrize("count", ["three", -1, True, 1.5])
def test_a_size_that_is_no_number_is_refused(samples: Any, count: object) -> None:
    rendered = samples.all
    rendered[0][0]["spec"]["replicas"] = count
    with pytest.raises(InvalidInput) as raised:
        read_contents(rendered, "test")
    assert str(raised.value).endswith(
        f"Deployment test/podinfo: spec.replicas: {count!r} is no number of replicas; "
        "write a whole number, as in 2"
    )


def test_an_autoscalers_bound_that_is_no_number_is_refused(samples: Any) -> None:
    rendered = samples.all
    rendered[1][0]["spec"]["minReplicas"] = "two"
    with pytest.raises(InvalidInput, match=r"spec\.minReplicas: 'two' is no number of replicas"):
        read_contents(rendered, "test")
