"""A Git repository with the manifests of many applications, each in a folder and a namespace of its own."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from benchmarks.repository import BRANCH, Repository
from tidegate.domain.application import Application

CLUSTER = "mesh02"
FOLDER = "applications"


class FleetRepository(Repository):
    """Every application is podinfo, released in five steps."""

    async def commit_fleet(
        self, version: str, names: Iterable[str], interval: str, web: str, gate: str = ""
    ) -> str:
        """Commit an image version for each application; the commit's SHA.

        `interval` is how long a step bakes, and between two questions to a gate; `web` is where its load
        tester is, `gate` what confirms its rollout, if anything.
        """
        await asyncio.to_thread(self._write_all, version, tuple(names), canary(interval, web, gate))
        return await self.commit_all(version)

    def _write_all(self, version: str, names: tuple[str, ...], released_by: dict[str, Any]) -> None:
        files = {
            "deployment.yaml": deployment(version),
            "autoscaler.yaml": autoscaler(),
            "canary.yaml": released_by,
        }
        texts = {file: yaml.safe_dump(manifest, sort_keys=False) for file, manifest in files.items()}
        for name in names:
            folder: Path = self.folder / FOLDER / name
            folder.mkdir(parents=True, exist_ok=True)
            for file, text in texts.items():
                (folder / file).write_text(text)


def application(name: str, repo_url: str) -> Application:
    """The Application of one name, in the namespace of that name."""
    return Application.model_validate(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": name},
            "spec": {
                "source": {"repoURL": repo_url, "path": f"{FOLDER}/{name}", "targetRevision": BRANCH},
                "destination": {"name": CLUSTER, "namespace": name},
                "syncPolicy": {"automated": {}, "syncOptions": ["CreateNamespace=true"]},
            },
        }
    )


def deployment(version: str) -> dict[str, Any]:
    """The target, as podinfo's own chart has it in all that matters here."""
    labels = {"app": "podinfo"}
    container = {
        "name": "podinfod",
        "image": f"stefanprodan/podinfo:{version}",
        "ports": [{"name": "http", "containerPort": 9898}],
        "command": ["./podinfo", "--port=9898", "--level=info"],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 1},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "podinfo", "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def autoscaler() -> dict[str, Any]:
    """The target's autoscaler."""
    target = {"type": "Utilization", "averageUtilization": 99}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "podinfo"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
            "minReplicas": 2,
            "maxReplicas": 4,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        },
    }


def canary(interval: str, web: str, gate: str = "") -> dict[str, Any]:
    """Five steps of ten per cent, two checks, a load test at `web`, and a gate before all if there is one."""
    metrics = [
        {"name": "request-success-rate", "thresholdRange": {"min": 99}, "interval": "1m"},
        {"name": "request-duration", "thresholdRange": {"max": 500}, "interval": "1m"},
    ]
    load = {
        "name": "load-test",
        "url": f"{web}/",
        "timeout": "5s",
        "metadata": {"cmd": "hey -z 1m -q 10 -c 2 http://podinfo-canary:9898/"},
    }
    return {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "podinfo"},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
            "autoscalerRef": {
                "apiVersion": "autoscaling/v2",
                "kind": "HorizontalPodAutoscaler",
                "name": "podinfo",
            },
            "progressDeadlineSeconds": 60,
            "service": {"port": 9898, "hosts": ["podinfo.example.com"]},
            "analysis": {
                "interval": interval,
                "threshold": 5,
                "maxWeight": 50,
                "stepWeight": 10,
                "metrics": metrics,
                "webhooks": [load, *_consent(gate)],
            },
        },
    }


def _consent(gate: str) -> list[dict[str, Any]]:
    return [{"name": "consent", "type": "confirm-rollout", "url": gate, "timeout": "5s"}] if gate else []
