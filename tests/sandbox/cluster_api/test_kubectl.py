"""kubectl, as people and scripts use it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Kubectl = Callable[..., str]
Make = Callable[..., dict[str, Any]]


@pytest.fixture
def manifest(tmp_path: Path, deployment: Make) -> Callable[..., str]:
    """Writes the manifest of a Deployment; returns its path."""

    def write(**options: Any) -> str:
        path = tmp_path / "deployment.json"
        path.write_text(json.dumps(deployment(**options)))
        return str(path)

    return write


def test_apply_creates_configures_and_leaves_alone(kubectl: Kubectl, manifest: Callable[..., str]) -> None:
    assert kubectl("apply", "-f", manifest()) == "deployment.apps/web created\n"
    assert kubectl("apply", "-f", manifest()) == "deployment.apps/web unchanged\n"
    assert kubectl("apply", "-f", manifest(image="podinfo:2")) == "deployment.apps/web configured\n"
    assert kubectl("get", "deploy", "web", "-o", "jsonpath={..image}") == "podinfo:2"


def test_server_side_apply_tells_of_conflicts(kubectl: Kubectl, manifest: Callable[..., str]) -> None:
    apply = ("apply", "--server-side", "-f")
    assert kubectl(*apply, manifest(replicas=1)) == "deployment.apps/web serverside-applied\n"
    told = kubectl(*apply, manifest(replicas=2), "--field-manager=other", code=1)
    assert 'conflict with "kubectl": .spec.replicas' in told
    kubectl(*apply, manifest(replicas=2), "--field-manager=other", "--force-conflicts")
    assert kubectl("get", "deploy", "web", "-o", "jsonpath={.spec.replicas}") == "2"


def test_diff_shows_what_would_change(kubectl: Kubectl, manifest: Callable[..., str]) -> None:
    kubectl("apply", "-f", manifest())
    assert kubectl("diff", "-f", manifest()) == ""
    assert "+        image: podinfo:2" in kubectl("diff", "-f", manifest(image="podinfo:2"), code=1).replace(
        "+      - image", "+        image"
    )


def test_get_prints_tables(kubectl: Kubectl, manifest: Callable[..., str]) -> None:
    kubectl("create", "-f", manifest())
    header, row = kubectl("get", "deployments").splitlines()
    assert header.split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert row.split()[:4] == ["web", "0/1", "0", "0"]
    wide = kubectl("get", "deploy", "-o", "wide").splitlines()[1].split()
    assert wide[5:] == ["app", "podinfo:1", "app=web"]
    assert "web" in kubectl("get", "deploy", "-A")
    assert "deployment.apps/web" in kubectl("get", "all", "-o", "name").splitlines()


def test_get_prints_whole_objects(kubectl: Kubectl, manifest: Callable[..., str]) -> None:
    kubectl("create", "-f", manifest())
    assert "progressDeadlineSeconds: 600" in kubectl("get", "deploy", "web", "-o", "yaml")
    assert json.loads(kubectl("get", "deploy", "-o", "json"))["items"][0]["metadata"]["name"] == "web"
    assert "NotFound" in kubectl("get", "deploy", "none", code=1)


def test_get_prints_custom_kinds(kubectl: Kubectl, widgets: str) -> None:
    body = {
        "apiVersion": "contract.test/v1",
        "kind": "Widget",
        "metadata": {"name": "a"},
        "spec": {"size": 2},
    }
    kubectl("apply", "-f", "-", stdin=json.dumps(body))
    header, row = kubectl("get", "wd").splitlines()
    assert (header.split(), row.split()) == (["NAME", "SIZE", "PHASE"], ["a", "2"])
    body["spec"] = {"size": 3, "wrong": 1}
    assert 'unknown field "spec.wrong"' in kubectl("apply", "-f", "-", stdin=json.dumps(body), code=1)


def test_a_watch_prints_changes_as_they_come(
    kubectl: Kubectl, kubectl_program: str, kubeconfig: Path, namespace: str, core: Any
) -> None:
    command = [kubectl_program, "--kubeconfig", str(kubeconfig), "-n", namespace, "get", "pods", "-w"]
    spec = {"containers": [{"name": "app", "image": "podinfo:1"}]}
    core.create_namespaced_pod(namespace, {"metadata": {"name": "a"}, "spec": spec})
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline().split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
            assert process.stdout.readline().split()[:3] == ["a", "0/1", "Pending"]
            core.patch_namespaced_pod_status("a", namespace, {"status": {"phase": "Running"}})
            assert process.stdout.readline().split()[:3] == ["a", "0/1", "Running"]
        finally:
            process.terminate()


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("merge", {"spec": {"replicas": 3}}),
        ("strategic", {"spec": {"replicas": 3}}),
        ("json", [{"op": "replace", "path": "/spec/replicas", "value": 3}]),
    ],
)
def test_patch_knows_every_type(
    kubectl: Kubectl, manifest: Callable[..., str], kind: str, change: Any
) -> None:
    kubectl("create", "-f", manifest())
    kubectl("patch", "deploy", "web", f"--type={kind}", "-p", json.dumps(change))
    assert kubectl("get", "deploy", "web", "-o", "jsonpath={.spec.replicas}") == "3"


def test_scale_label_and_annotate(kubectl: Kubectl, manifest: Callable[..., str]) -> None:
    kubectl("create", "-f", manifest())
    kubectl("scale", "deploy/web", "--replicas=4")
    kubectl("label", "deploy/web", "tier=front")
    kubectl("annotate", "deploy/web", "note=yes")
    found = json.loads(kubectl("get", "deploy", "-l", "tier=front", "-o", "json"))["items"][0]
    assert (found["spec"]["replicas"], found["metadata"]["annotations"]["note"]) == (4, "yes")


def test_set_image_and_rollout_status(
    kubectl: Kubectl, manifest: Callable[..., str], apps: Any, namespace: str
) -> None:
    kubectl("create", "-f", manifest())
    kubectl("set", "image", "deploy/web", "app=podinfo:2")
    found = apps.read_namespaced_deployment("web", namespace)
    status = {"replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1}
    condition = {"type": "Available", "status": "True"}
    status.update(observedGeneration=found.metadata.generation, conditions=[condition])  # type: ignore[call-overload]
    apps.patch_namespaced_deployment_status("web", namespace, {"status": status})
    assert "successfully rolled out" in kubectl("rollout", "status", "deploy/web", "--timeout=5s")
    assert "condition met" in kubectl("wait", "--for=condition=Available", "deploy/web", "--timeout=5s")


def test_delete_waits_for_the_end(kubectl: Kubectl, manifest: Callable[..., str]) -> None:
    kubectl("create", "-f", manifest())
    assert 'deployment.apps "web" deleted' in kubectl("delete", "deploy", "web", "--timeout=5s")
    assert "AlreadyExists" not in kubectl("create", "-f", manifest())


def test_describe_and_api_resources(kubectl: Kubectl, manifest: Callable[..., str]) -> None:
    kubectl("create", "-f", manifest())
    assert "StrategyType:" in kubectl("describe", "deploy", "web")
    assert "deployments" in kubectl("api-resources", "--api-group=apps")


def test_a_misspelt_field_is_named(kubectl: Kubectl, manifest: Callable[..., str]) -> None:
    assert 'unknown field "spec.replcas"' in kubectl("apply", "-f", manifest(replcas=3), code=1)


def test_a_replaced_object_needs_the_current_revision(kubectl: Kubectl, manifest: Callable[..., str]) -> None:
    kubectl("create", "-f", manifest())
    old = kubectl("get", "deploy", "web", "-o", "json")
    kubectl("label", "deploy/web", "x=y")
    assert "Conflict" in kubectl("replace", "-f", "-", stdin=old, code=1)
