"""The order of a sync."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.decisions.sync_order import KINDS, WAVE_ANNOTATION, in_sync_order
from tidegate.domain.errors import InvalidInput
from tidegate.domain.manifest import Manifest, name_of, ref_of

SPACES = ("blue", "green")


def manifest(
    kind: str, name: str = "a", *, wave: Any = None, namespace: str = "", group: str = ""
) -> Manifest:
    metadata: dict[str, Any] = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    if wave is not None:
        metadata["annotations"] = {WAVE_ANNOTATION: wave}
    return {"apiVersion": f"{group}/v1" if group else "v1", "kind": kind, "metadata": metadata}


def definition(kind: str, wave: str = "0") -> Manifest:
    made = manifest("CustomResourceDefinition", kind.lower(), wave=wave, group="apiextensions.k8s.io")
    return made | {"spec": {"group": "example.com", "names": {"kind": kind}}}


def kinds(manifests: tuple[Manifest, ...]) -> list[str]:
    return [each["kind"] for each in manifests]


namespaces = st.builds(
    manifest, st.just("Namespace"), st.sampled_from(SPACES), wave=st.sampled_from(["-1", "0", "1"])
)
users = st.builds(
    manifest,
    st.sampled_from([*KINDS[1:12], "Service", "Deployment"]),
    st.text("xyz", min_size=1, max_size=3),
    wave=st.sampled_from(["-2", "-1", "0", "1", "2"]),
    namespace=st.sampled_from(SPACES),
)
resources = st.builds(
    manifest,
    st.just("Tide"),
    st.text("xyz", min_size=1, max_size=3),
    wave=st.sampled_from(["-2", "0", "2"]),
    namespace=st.sampled_from(SPACES),
    group=st.just("example.com"),
)
definitions = st.builds(definition, st.just("Tide"), st.sampled_from(["-1", "0", "1"]))
applications = st.lists(st.one_of(namespaces, users, resources, definitions), max_size=12)


@given(applications)
def test_namespaces_precede_their_users_whatever_their_waves(manifests: list[Manifest]) -> None:
    seen: set[str] = set()
    declared = {name_of(each) for each in manifests if each["kind"] == "Namespace"}
    for each in in_sync_order(manifests):
        if each["kind"] == "Namespace":
            seen.add(name_of(each))
        assert ref_of(each).namespace not in declared - seen


@given(applications)
def test_definitions_precede_their_resources_whatever_their_waves(manifests: list[Manifest]) -> None:
    ordered = kinds(in_sync_order(manifests))
    if "Tide" in ordered and "CustomResourceDefinition" in ordered:
        assert ordered.index("CustomResourceDefinition") < ordered.index("Tide")


@given(applications)
def test_the_order_is_stable_and_loses_nothing(manifests: list[Manifest]) -> None:
    ordered = in_sync_order(manifests)
    assert in_sync_order(ordered) == ordered
    assert sorted(map(id, ordered)) == sorted(map(id, manifests))
    alike = [each for each in ordered if each["kind"] == "Tide" and "-2" in str(each)]
    assert alike == [each for each in manifests if each["kind"] == "Tide" and "-2" in str(each)]


def test_kinds_go_in_argo_cds_order_and_all_others_last() -> None:
    shuffled = [
        manifest("VirtualService", group="networking.istio.io"),
        manifest("Deployment", group="apps"),
        manifest("Service"),
        manifest("CustomResourceDefinition", group="apiextensions.k8s.io"),
        manifest("ConfigMap"),
        manifest("Namespace"),
    ]
    assert kinds(in_sync_order(shuffled)) == [
        "Namespace",
        "ConfigMap",
        "CustomResourceDefinition",
        "Service",
        "Deployment",
        "VirtualService",
    ]


def test_waves_go_before_kinds() -> None:
    ordered = in_sync_order(
        [manifest("ConfigMap", wave="1"), manifest("Deployment"), manifest("Job", wave="-5")]
    )
    assert kinds(ordered) == ["Job", "Deployment", "ConfigMap"]


def test_a_custom_kind_that_bears_a_known_name_comes_last() -> None:
    custom = manifest("Service", group="serving.knative.dev")
    assert in_sync_order([custom, manifest("Deployment", group="apps")])[-1] is custom


@pytest.mark.parametrize("wave", ["soon", "1.5", [1]])
def test_a_wave_that_is_no_number_is_refused(wave: Any) -> None:
    with pytest.raises(InvalidInput, match=r"sync-wave: ConfigMap a: .* is not a wave; write a whole number"):
        in_sync_order([manifest("ConfigMap", wave=wave)])
