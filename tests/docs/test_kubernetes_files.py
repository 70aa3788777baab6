"""The worker's deployment, as far as it can be checked without a cluster; tests/access tries it in one."""

import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tidegate.cli.punctual_worker import PunctualWorker
from tidegate.settings import load_settings
from tidegate.settings.model import WorkerSettings

Objects = dict[tuple[str, str], dict[str, Any]]
FOLDERS = sorted(
    str(path.parent.relative_to(Path(__file__).parents[2] / "deploy/kubernetes"))
    for path in (Path(__file__).parents[2] / "deploy/kubernetes").rglob("kustomization.yaml")
)


def built(root: Path, folder: str) -> Objects:
    command = ["kubectl", "kustomize", str(root / "deploy/kubernetes" / folder)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {(each["kind"], each["metadata"]["name"]): each for each in yaml.safe_load_all(text)}


@pytest.fixture(scope="module")
def worker(root: Path) -> Objects:
    return built(root, "worker")


@pytest.fixture(scope="module")
def pod(worker: Objects) -> dict[str, Any]:
    template: dict[str, Any] = worker["Deployment", "tidegate-worker"]["spec"]["template"]
    return template


def test_every_folder_is_described(root: Path) -> None:
    text = (root / "deploy/kubernetes/README.md").read_text()
    assert FOLDERS
    assert [folder for folder in FOLDERS if folder.rpartition("/")[2] not in text] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_builds(root: Path, folder: str) -> None:
    assert built(root, folder)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("Deployment", ["spec", "selector", "matchLabels"]),
        ("Service", ["spec", "selector"]),
        ("PodDisruptionBudget", ["spec", "selector", "matchLabels"]),
        ("NetworkPolicy", ["spec", "podSelector", "matchLabels"]),
        ("ServiceMonitor", ["spec", "selector", "matchLabels"]),
    ],
)
def test_everything_selects_the_workers_pods(
    root: Path, pod: dict[str, Any], kind: str, path: list[str]
) -> None:
    selector: Any = built(root, "worker-monitored")[kind, "tidegate-worker"]
    for part in path:
        selector = selector[part]
    assert selector
    assert selector.items() <= pod["metadata"]["labels"].items()


def test_the_probes_and_the_monitor_ask_where_the_worker_answers(root: Path, pod: dict[str, Any]) -> None:
    (container,) = pod["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    image = (root / "Dockerfile").read_text()
    assert f"TIDEGATE_WORKER__HEALTH_ADDRESS=0.0.0.0:{ports['health']}" in image
    assert f"TIDEGATE_WORKER__METRICS_ADDRESS=0.0.0.0:{ports['metrics']}" in image
    probes = [container[f"{name}Probe"]["httpGet"] for name in ("startup", "readiness", "liveness")]
    assert probes == [{"path": "/healthz", "port": "health"}] * 3


def test_running_activities_get_their_time_to_end(pod: dict[str, Any]) -> None:
    grace = pod["spec"]["terminationGracePeriodSeconds"]
    assert grace >= WorkerSettings().graceful_shutdown_seconds + PunctualWorker.patience.total_seconds()


def test_the_pod_writes_only_where_it_has_to(root: Path, pod: dict[str, Any]) -> None:
    (container,) = pod["spec"]["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    writable = [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")]
    assert writable == ["/var/cache/tidegate", "/tmp"]
    assert "TIDEGATE_GIT__CACHE=/var/cache/tidegate" in (root / "Dockerfile").read_text()


def test_the_image_is_this_version(root: Path, pod: dict[str, Any]) -> None:
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    assert pod["spec"]["containers"][0]["image"] == f"tidegate-worker:{version}"


def test_the_settings_of_the_config_map_load(worker: Objects, tmp_path: Path) -> None:
    (settings,) = [each for (kind, _), each in worker.items() if kind == "ConfigMap"]
    file = tmp_path / "tidegate.toml"
    file.write_text(settings["data"]["tidegate.toml"])
    assert set(load_settings({"TIDEGATE_CONFIG": str(file)}).clusters) == {"asm", "mesh01", "mesh02"}
