"""The manifests that the end-to-end tests release: podinfo in a namespace of its own, baked for seconds."""

from typing import Any

import yaml

GATEWAY = "public-gateway.istio-system.svc.cluster.local"
SUCCESS_RATE = {"name": "request-success-rate", "interval": "2s", "thresholdRange": {"min": 99}}
DURATION = {"name": "request-duration", "interval": "2s", "thresholdRange": {"max": 500}}


def podinfo(namespace: str, version: str, *flags: str, **analysis: Any) -> str:
    """All manifests of a version. `analysis` replaces fields of the Canary's analysis."""
    documents = [deployment(namespace, version, *flags), canary(namespace, **analysis)]
    return yaml.safe_dump_all(documents, sort_keys=False)


def backend(namespace: str, version: str, *flags: str, **analysis: Any) -> str:
    """The same for a second Deployment and Canary, with a host of its own."""
    text = podinfo(namespace, version, *flags, **analysis)
    changes = {
        "app: podinfo": "app: backend",
        "name: podinfo\n": "name: backend\n",
        "podinfo-canary": "backend-canary",
        f"{namespace}.example.com": f"backend.{namespace}.example.com",
    }
    for old, new in changes.items():
        text = text.replace(old, new)
    return text


def application(name: str, repository: str, **changes: Any) -> str:
    """An Application that brings the repository's branch to mesh02; `changes` replace parts of its spec."""
    spec = {
        "source": {"repoURL": repository, "path": ".", "targetRevision": "latest"},
        "destination": {"name": "mesh02", "namespace": name},
        "syncPolicy": {"automated": {}, "syncOptions": ["CreateNamespace=true"]},
    }
    manifest = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name},
        "spec": spec | changes,
    }
    return yaml.safe_dump(manifest, sort_keys=False)


def deployment(namespace: str, version: str, *flags: str) -> dict[str, Any]:
    """The target: one pod, ready as soon as it listens."""
    labels = {"app": "podinfo"}
    container = {
        "name": "podinfod",
        "image": f"stefanprodan/podinfo:{version}",
        "command": ["./podinfo", "--port=9898", *flags],
        "ports": [{"name": "http", "containerPort": 9898}],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": 9898}, "periodSeconds": 1},
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "podinfo", "namespace": namespace},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }


def daemon_set(namespace: str, version: str, *flags: str) -> dict[str, Any]:
    """The same as a DaemonSet, whose pods are renewed before the old ones go: the sandbox has one node."""
    target = deployment(namespace, version, *flags)
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    return target | {"kind": "DaemonSet", "spec": target["spec"] | {"updateStrategy": rolling}}


def daemons(namespace: str, version: str, *flags: str, **analysis: Any) -> str:
    """All manifests of a version with a DaemonSet."""
    canary_ = canary(namespace, **analysis)
    canary_["spec"]["targetRef"]["kind"] = "DaemonSet"
    return yaml.safe_dump_all([daemon_set(namespace, version, *flags), canary_], sort_keys=False)


def canary(namespace: str, **analysis: Any) -> dict[str, Any]:
    """25 % and 50 %, a bake of 1.5 s each, two checks and the load to judge; None leaves a field out."""
    usual = {
        "interval": "1500ms",
        "threshold": 2,
        "maxWeight": 50,
        "stepWeight": 25,
        "metrics": [SUCCESS_RATE, DURATION],
        "webhooks": [load_test(namespace)],
    }
    return {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "Canary",
        "metadata": {"name": "podinfo", "namespace": namespace},
        "spec": {
            "targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "podinfo"},
            "progressDeadlineSeconds": 60,
            "service": {"port": 9898, "gateways": [GATEWAY], "hosts": [f"{namespace}.example.com"]},
            "analysis": {name: value for name, value in {**usual, **analysis}.items() if value is not None},
        },
    }


def load_test(namespace: str, rate: int = 10) -> dict[str, Any]:
    """So many requests a second from each of two clients to the canary's own service."""
    return {
        "name": "load-test",
        "url": "http://loadtester.test/",
        "timeout": "5s",
        "metadata": {"cmd": f"hey -z 1m -q {rate} -c 2 http://podinfo-canary.{namespace}:9898/"},
    }


def tcp_gateway(namespace: str, port: int) -> dict[str, Any]:
    """A Gateway that takes connections on a port, whoever they are for."""
    server = {"port": {"number": port, "name": "tcp", "protocol": "TCP"}, "hosts": ["*"]}
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "connections", "namespace": namespace},
        "spec": {"selector": {"istio": "ingressgateway"}, "servers": [server]},
    }


def sidecar(namespace: str, labels: dict[str, str], port: int) -> dict[str, Any]:
    """The sidecar of the pods with these labels, which takes their calls on a port."""
    listener = {"port": {"number": port, "name": "calls", "protocol": "HTTP_PROXY"}, "hosts": ["*/*"]}
    name = "-".join(labels.values())
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Sidecar",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"workloadSelector": {"labels": labels}, "egress": [listener]},
    }


def request_rate(address: str) -> str:
    """A MetricTemplate: the canary's requests a second."""
    labels = 'destination_workload="{{ target }}",destination_workload_namespace="{{ namespace }}"'
    query = f'sum(rate(istio_requests_total{{reporter="destination",{labels}}}[{{{{ interval }}}}]))'
    template = {
        "apiVersion": "flagger.app/v1beta1",
        "kind": "MetricTemplate",
        "metadata": {"name": "rate"},
        "spec": {"provider": {"type": "prometheus", "address": address}, "query": query},
    }
    return yaml.safe_dump(template)
