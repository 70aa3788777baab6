"""Manifests to start from; a test changes what it is about."""

import os
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.manifests.schemas import check
from tidegate.adapters.render import render
from tidegate.domain.canary import Canary
from tidegate.domain.manifest import Manifest

GOLDEN = Path(__file__).parent / "golden"
SEED = Path(__file__).parents[3] / "shared" / "seed"

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: podinfo, namespace: test, labels: {app: podinfo}}
spec:
  minReadySeconds: 5
  strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 1}}
  selector: {matchLabels: {app: podinfo}}
  template:
    metadata: {labels: {app: podinfo}, annotations: {prometheus.io/scrape: "true"}}
    spec:
      containers:
      - {name: podinfod, image: "stefanprodan/podinfo:3.1.0", ports: [{name: http, containerPort: 9898}]}
"""

HPA = """
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: podinfo, namespace: test}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: podinfo}
  minReplicas: 2
  maxReplicas: 4
"""

CANARY = """
apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: podinfo, namespace: test}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: podinfo}
  autoscalerRef: {apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, name: podinfo}
  service:
    port: 9898
    gateways: [public-gateway.istio-system.svc.cluster.local]
    hosts: [app.istio.example.com]
    trafficPolicy: {tls: {mode: DISABLE}}
  analysis:
    interval: 30s
    threshold: 5
    maxWeight: 50
    stepWeight: 5
    metrics:
    - {name: request-success-rate, thresholdRange: {min: 99}, interval: 30s}
    - {name: latency, templateRef: {name: latency, namespace: istio-system}, thresholdRange: {max: 500}}
    webhooks:
    - {name: load-test, url: "http://loadtester.test/", metadata: {cmd: "hey -z 1m http://podinfo-canary:9898/"}}
"""

TEMPLATE = """
apiVersion: flagger.app/v1beta1
kind: MetricTemplate
metadata: {name: latency, namespace: istio-system}
spec: {provider: {type: prometheus, address: "http://prometheus.istio-system:9090"}, query: "up"}
"""


class Samples:
    """Fresh copies of well-formed manifests."""

    @property
    def deployment(self) -> dict[str, Any]:
        return deepcopy(yaml.safe_load(DEPLOYMENT))

    @property
    def hpa(self) -> dict[str, Any]:
        return deepcopy(yaml.safe_load(HPA))

    @property
    def canary(self) -> dict[str, Any]:
        return deepcopy(yaml.safe_load(CANARY))

    @property
    def template(self) -> dict[str, Any]:
        return deepcopy(yaml.safe_load(TEMPLATE))

    @property
    def all(self) -> list[tuple[dict[str, Any], str]]:
        return [
            (self.deployment, "deployment.yaml"),
            (self.hpa, "hpa.yaml"),
            (self.canary, "canary.yaml"),
            (self.template, "latency.yaml"),
        ]

    def parsed(self, **service: Any) -> Canary:
        """The canary, with these fields of its service."""
        manifest = self.canary
        manifest["spec"]["service"] |= service
        return Canary.parse(manifest)

    def seed(self, commit: str) -> list[tuple[dict[str, Any], str]]:
        """The article's manifests as kustomize renders them."""
        if not (SEED / f"podinfo-{commit}").is_dir():
            pytest.skip("the article's manifests (../shared/seed) are not beside this checkout")
        return [(each.manifest, each.file) for each in render(SEED, f"podinfo-{commit}")]


@pytest.fixture
def samples() -> Samples:
    return Samples()


@pytest.fixture
def golden() -> Callable[[str, Any], None]:
    """Compares what was made with the kept file of that name; with TIDEGATE_GOLDEN=1, keeps it instead."""

    def compare(name: str, made: Any) -> None:
        file = GOLDEN / f"{name}.yaml"
        if os.environ.get("TIDEGATE_GOLDEN"):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(yaml.safe_dump(made, sort_keys=False))
        assert made == yaml.safe_load(file.read_text())

    return compare


@pytest.fixture
def schema_checked() -> Callable[[Manifest], None]:
    """Holds an object against its kind's schema: no fault, no unknown field."""
    return check
