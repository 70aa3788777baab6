"""What a pod template refers to is found wherever it can be, and the primary's copies are its own."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from tidegate.domain.errors import InvalidInput
from tidegate.manifests.configuration import (
    TRACKING,
    Configuration,
    Reference,
    copy_name,
    digest,
    is_tracked,
    references,
    renamed,
    same_contents,
)
from tidegate.manifests.primary import primary
from tidegate.manifests.promotion import initial_marks

GOLDEN = Path(__file__).parent / "golden" / "configuration.yaml"
MAP, SECRET = Reference("ConfigMap", "app"), Reference("Secret", "app")


def template(**pod: Any) -> dict[str, Any]:
    return {"metadata": {"labels": {"app": "podinfo"}}, "spec": pod}


def config_map(name: str = "app", **fields: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "test", "uid": "1"}
    return {"kind": "ConfigMap", "metadata": metadata, "data": {"color": "blue"}} | fields


def secret(uid: str = "1", **fields: Any) -> dict[str, Any]:
    metadata = {"name": "app", "namespace": "test", "uid": uid}
    return {"kind": "Secret", "metadata": metadata, "type": "Opaque", "data": {"key": "aHVzaA=="}} | fields


PLACES: dict[str, tuple[dict[str, Any], Reference]] = {
    "volume of a ConfigMap": ({"volumes": [{"name": "v", "configMap": {"name": "app"}}]}, MAP),
    "volume of a Secret": ({"volumes": [{"name": "v", "secret": {"secretName": "app"}}]}, SECRET),
    "projected ConfigMap": (
        {"volumes": [{"name": "v", "projected": {"sources": [{"configMap": {"name": "app"}}]}}]},
        MAP,
    ),
    "projected Secret": (
        {"volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": "app"}}]}}]},
        SECRET,
    ),
} | {
    f"{part} of {field}": ({field: [{"name": "c", **found}]}, reference)
    for field in ("containers", "initContainers", "ephemeralContainers")
    for part, found, reference in (
        ("env from a ConfigMap", {"env": [{"valueFrom": {"configMapKeyRef": {"name": "app"}}}]}, MAP),
        ("env from a Secret", {"env": [{"valueFrom": {"secretKeyRef": {"name": "app"}}}]}, SECRET),
        ("envFrom a ConfigMap", {"envFrom": [{"configMapRef": {"name": "app"}}]}, MAP),
        ("envFrom a Secret", {"envFrom": [{"secretRef": {"name": "app"}}]}, SECRET),
    )
}


@pytest.mark.parametrize(("pod", "reference"), PLACES.values(), ids=PLACES)
def test_a_reference_is_found_and_led_to_the_copy_wherever_it_is(
    pod: dict[str, Any], reference: Reference
) -> None:
    found = template(**pod)
    before = deepcopy(found)
    copy = renamed(found, {reference: "copy"})
    assert references(found) == (reference,)
    assert references(copy) == (Reference(reference.kind, "copy"),)
    assert found == before


@pytest.mark.parametrize(
    "pod",
    [
        {},
        {"volumes": None, "containers": "none"},
        {"volumes": [{"name": "v", "emptyDir": {}}], "containers": [{"env": [{"name": "A", "value": "b"}]}]},
        {"containers": [{"envFrom": [{"configMapRef": {}}]}], "imagePullSecrets": [{"name": "app"}]},
    ],
)
def test_what_refers_to_nothing_is_left_as_it_is(pod: dict[str, Any]) -> None:
    assert references(template(**pod)) == ()
    assert renamed(template(**pod), {MAP: "copy", SECRET: "copy"}) == template(**pod)


def test_a_configmap_and_a_secret_of_one_name_are_two() -> None:
    pod = template(
        containers=[{"envFrom": [{"configMapRef": {"name": "app"}}, {"secretRef": {"name": "app"}}]}]
    )
    assert references(renamed(pod, {MAP: "other"})) == (Reference("ConfigMap", "other"), SECRET)


@pytest.mark.parametrize(
    ("source", "tracked"),
    [
        (config_map(), True),
        (config_map(metadata={"name": "app", "annotations": {TRACKING: "enabled"}}), True),
        (config_map(metadata={"name": "app", "annotations": {TRACKING: "disabled"}}), False),
        (config_map(metadata={"name": "app", "labels": {"tidegate.dev/copy": "configuration"}}), False),
        (secret(type="kubernetes.io/tls"), True),
        (secret(type="kubernetes.io/service-account-token"), False),
    ],
)
def test_what_opts_out_or_is_no_ones_to_copy_is_not_tracked(source: dict[str, Any], tracked: bool) -> None:
    assert is_tracked(source) is tracked


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"metadata": {"name": "app", "uid": "1", "labels": {"a": "b"}}}, True),
        ({"immutable": True}, True),
        ({"binaryData": {}}, True),
        ({"data": {"color": "red"}}, False),
        ({"binaryData": {"logo": "AAEC"}}, False),
        ({"type": "kubernetes.io/tls"}, False),
    ],
)
@pytest.mark.parametrize("source", [config_map(), secret()], ids=["ConfigMap", "Secret"])
def test_the_digest_is_of_the_contents_alone(source: dict[str, Any], change: Any, same: bool) -> None:
    assert (digest(source | change) == digest(source)) is same
    assert same_contents(source | change, source) is same


def test_a_secrets_digest_does_not_tell_what_is_in_it() -> None:
    assert digest(secret(uid="1")) != digest(secret(uid="2"))
    assert digest(config_map()) == digest(config_map(metadata={"name": "app", "uid": "2"}))


def test_two_primaries_have_a_copy_each_of_what_they_share() -> None:
    assert copy_name("a-primary", config_map()) != copy_name("b-primary", config_map())


def test_a_name_without_room_for_the_suffix_is_refused() -> None:
    with pytest.raises(InvalidInput, match="use a name of at most 234 characters, or annotate it with"):
        copy_name("podinfo-primary", config_map("a" * 235))
    assert len(copy_name("podinfo-primary", config_map("a" * 234))) == 253


def test_a_primary_and_its_copies_are_exactly_these_objects(samples: Any) -> None:
    target = samples.deployment
    pod = target["spec"]["template"]["spec"]
    pod["containers"][0]["envFrom"] = [{"configMapRef": {"name": "app"}}, {"secretRef": {"name": "app"}}]
    pod["volumes"] = [{"name": "shared", "configMap": {"name": "shared"}}]
    applied = {"kubectl.kubernetes.io/last-applied-configuration": '{"data": {"key": "aHVzaA=="}}'}
    labels = {"app.kubernetes.io/instance": "shop", "team": "red"}
    metadata = {"name": "app", "namespace": "test", "uid": "1", "labels": labels, "annotations": applied}
    configuration = Configuration(
        "podinfo-primary", (config_map(binaryData={"logo": "AAEC"}), secret(metadata=metadata))
    )
    made = [
        primary(
            target,
            replicas=2,
            annotations=initial_marks("0123456789abcdef", "0c62d7c", 7, configuration),
            copies=configuration.names,
        ),
        *configuration.copies,
    ]
    assert made == list(yaml.safe_load_all(GOLDEN.read_text()))
