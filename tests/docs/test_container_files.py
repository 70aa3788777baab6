"""The container files, as far as they can be checked without a container engine."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tidegate.adapters.health_endpoint import HealthEndpoint
from tidegate.contracts import SEARCH_ATTRIBUTES

ONE_SHOTS = {"temporal-schema", "temporal-namespace"}


@pytest.fixture(scope="module")
def dockerfile(root: Path) -> str:
    return (root / "Dockerfile").read_text().replace("\\\n", " ")


@pytest.fixture(scope="module")
def compose(root: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((root / "docker-compose.yml").read_text())
    return loaded


def test_what_the_image_copies_exists_and_reaches_the_build(root: Path, dockerfile: str) -> None:
    copied = [
        word for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.M) for word in line.split()[:-1]
    ]
    let_in = {line[1:] for line in (root / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert [name for name in copied if not (root / name).exists()] == []
    assert {Path(name).name for name in copied} == let_in


def test_the_image_installs_what_is_pinned(root: Path, dockerfile: str) -> None:
    online = re.findall(r"pip (?:install|wheel) (?!--no-index)[^&]*", dockerfile)
    assert online
    assert all("-c constraints.txt" in command for command in online)
    assert "hatchling==" in (root / "constraints.txt").read_text()


def test_the_image_runs_without_root(dockerfile: str) -> None:
    assert re.findall(r"^USER (\d+)$", dockerfile, re.M) == ["10001"]


@pytest.mark.parametrize(("healthy", "code"), [(True, 0), (False, 1)])
def test_the_health_check_says_what_the_worker_says(dockerfile: str, healthy: bool, code: int) -> None:
    command = json.loads(re.findall(r"^HEALTHCHECK .*?CMD (\[.*\])$", dockerfile, re.M)[0])
    assert command[:2] == ["python", "-c"]
    with HealthEndpoint("127.0.0.1:0", lambda: healthy) as endpoint:
        script = command[2].replace(":8081", f":{endpoint.port}")
        ended = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert ended.returncode == code


def test_the_services_probe_as_the_image_does(dockerfile: str, compose: dict[str, Any]) -> None:
    command = json.loads(re.findall(r"^HEALTHCHECK .*?CMD (\[.*\])$", dockerfile, re.M)[0])
    assert compose["services"]["worker"]["healthcheck"]["test"] == ["CMD", *command]


def test_every_image_is_pinned_and_none_is_deprecated(compose: dict[str, Any]) -> None:
    images = {name: service["image"] for name, service in compose["services"].items()}
    assert [name for name, image in images.items() if not re.search(r":v?\d[\w.-]*$", image)] == []
    assert [name for name, image in images.items() if "auto-setup" in image] == []


def test_every_dependency_is_waited_for_as_it_ends_or_lives(compose: dict[str, Any]) -> None:
    services = compose["services"]
    wrong = [
        f"{name} waits for {other}: {condition}"
        for name, service in services.items()
        for other, condition in _conditions(service)
        if condition != _right_condition(other, services)
    ]
    assert wrong == []


def test_the_worker_starts_when_its_namespace_is_there(compose: dict[str, Any]) -> None:
    assert _reached("worker", compose["services"]) == {"postgres", "temporal", *ONE_SHOTS}


def test_every_mounted_file_exists(root: Path, compose: dict[str, Any]) -> None:
    mounts = [mount for service in compose["services"].values() for mount in service.get("volumes", ())]
    sources = [re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", mount).split(":")[0] for mount in mounts]
    files = [source for source in sources if source.startswith("./")]
    assert files
    assert [file for file in files if not (root / file).exists()] == []
    assert {source for source in sources if not source.startswith("./")} == set(compose["volumes"])


def test_nothing_is_published_beyond_this_machine(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", ())]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_every_variable_is_explained_or_has_a_default(root: Path) -> None:
    explained = set(re.findall(r"^(\w+)=", (root / ".env.example").read_text(), re.M))
    used = re.findall(r"\$\{(\w+)(:-[^}]*)?\}", (root / "docker-compose.yml").read_text())
    assert [name for name, default in used if name not in explained or not default] == []


def test_the_one_shot_makes_every_search_attribute(root: Path) -> None:
    loop = re.search(r"^for name in (.+); do$", (root / "deploy/compose/namespace.sh").read_text(), re.M)
    assert loop is not None
    assert set(loop[1].split()) == set(SEARCH_ATTRIBUTES)


@pytest.mark.parametrize("script", ["schema.sh", "namespace.sh"])
def test_the_one_shots_are_valid_shell(root: Path, script: str) -> None:
    checked = subprocess.run(["sh", "-n", root / "deploy/compose" / script], capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, b"")


def test_prometheus_asks_the_worker_where_it_answers(root: Path, dockerfile: str) -> None:
    configuration = yaml.safe_load((root / "deploy/compose/prometheus.yml").read_text())
    metrics = re.findall(r"TIDEGATE_WORKER__METRICS_ADDRESS=0\.0\.0\.0:(\d+)", dockerfile)
    targets = [
        target for job in configuration["scrape_configs"] for target in job["static_configs"][0]["targets"]
    ]
    assert targets == [f"worker:{port}" for port in metrics]


def test_the_dashboard_asks_the_provisioned_source_for_the_workers_metrics(root: Path) -> None:
    grafana = root / "deploy/compose/grafana"
    source = yaml.safe_load((grafana / "provisioning/datasources/prometheus.yml").read_text())
    dashboard = json.loads((grafana / "dashboards/tidegate-worker.json").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} == {source["datasources"][0]["uid"]}
    assert all("temporal_" in query for query in asked)


def _conditions(service: dict[str, Any]) -> list[tuple[str, str]]:
    depends = service.get("depends_on", {})
    if isinstance(depends, list):
        return [(name, "service_started") for name in depends]
    return [(name, each["condition"]) for name, each in depends.items()]


def _right_condition(name: str, services: dict[str, Any]) -> str:
    if name in ONE_SHOTS:
        return "service_completed_successfully"
    return "service_healthy" if "healthcheck" in services[name] else "service_started"


def _reached(name: str, services: dict[str, Any]) -> set[str]:
    direct = {other for other, _ in _conditions(services[name])}
    return direct.union(*(_reached(other, services) for other in direct))
