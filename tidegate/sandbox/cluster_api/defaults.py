"""The defaults that the API server writes into built-in kinds: controllers read them as given.

All functions complete an object in place, and only where a field is absent.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from tidegate.sandbox.cluster_api.objects import Object, meta, name_of

Completer = Callable[[Object], None]


def fill(target: Object, **values: Any) -> None:
    for name, value in values.items():
        target.setdefault(name, value)


def part(obj: Object, name: str) -> Object:
    """The map under a name, made when absent."""
    if not isinstance(obj.get(name), dict):
        obj[name] = {}
    found: Object = obj[name]
    return found


def complete(group: str, kind: str, obj: Object) -> None:
    """Write the kind's defaults into the object, in place."""
    if completer := _COMPLETERS.get((group, kind)):
        completer(obj)


def pod_spec(spec: Object) -> None:
    fill(
        spec,
        restartPolicy="Always",
        dnsPolicy="ClusterFirst",
        terminationGracePeriodSeconds=30,
        securityContext={},
        schedulerName="default-scheduler",
    )
    for group in ("initContainers", "containers"):
        for container in spec.get(group) or []:
            _container(container)
    for volume in spec.get("volumes") or []:
        if not volume.keys() - {"name"}:
            volume["emptyDir"] = {}
        for source in ("secret", "configMap", "projected", "downwardAPI"):
            if isinstance(volume.get(source), dict):
                fill(volume[source], defaultMode=420)


def _container(container: Object) -> None:
    fill(
        container,
        resources={},
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
        imagePullPolicy=_pull_policy(str(container.get("image", ""))),
    )
    for port in container.get("ports") or []:
        fill(port, protocol="TCP")
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if isinstance(container.get(probe), dict):
            _probe(container[probe])
    for variable in container.get("env") or []:
        reference = (variable.get("valueFrom") or {}).get("fieldRef")
        if reference:
            fill(reference, apiVersion="v1")


def _pull_policy(image: str) -> str:
    tag = image.rsplit("/", 1)[-1].partition(":")[2]
    return "Always" if tag in ("", "latest") and "@" not in image else "IfNotPresent"


def _probe(probe: Object) -> None:
    fill(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
    if isinstance(probe.get("httpGet"), dict):
        fill(probe["httpGet"], path="/", scheme="HTTP")


def _template(spec: Object) -> None:
    pod_spec(part(part(spec, "template"), "spec"))


def _deployment(obj: Object) -> None:
    spec = part(obj, "spec")
    _template(spec)
    fill(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    strategy = part(spec, "strategy")
    fill(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        fill(part(strategy, "rollingUpdate"), maxUnavailable="25%", maxSurge="25%")


def _replica_set(obj: Object) -> None:
    spec = part(obj, "spec")
    fill(spec, replicas=1)
    _template(spec)


def _replication_controller(obj: Object) -> None:
    spec = part(obj, "spec")
    fill(spec, replicas=1)
    if spec.get("template"):
        _template(spec)
        fill(spec, selector=dict(spec["template"].get("metadata", {}).get("labels") or {}))


def _stateful_set(obj: Object) -> None:
    spec = part(obj, "spec")
    _template(spec)
    fill(spec, replicas=1, revisionHistoryLimit=10, podManagementPolicy="OrderedReady")
    fill(part(spec, "persistentVolumeClaimRetentionPolicy"), whenDeleted="Retain", whenScaled="Retain")
    strategy = part(spec, "updateStrategy")
    fill(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        fill(part(strategy, "rollingUpdate"), partition=0)
    for claim in spec.get("volumeClaimTemplates") or []:
        fill(part(claim, "spec"), volumeMode="Filesystem")


def _daemon_set(obj: Object) -> None:
    spec = part(obj, "spec")
    _template(spec)
    fill(spec, revisionHistoryLimit=10)
    strategy = part(spec, "updateStrategy")
    fill(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        fill(part(strategy, "rollingUpdate"), maxUnavailable=1, maxSurge=0)


def _job_spec(spec: Object) -> None:
    _template(spec)
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    fill(
        spec,
        parallelism=1,
        backoffLimit=6,
        completionMode="NonIndexed",
        suspend=False,
        manualSelector=spec.get("manualSelector", False),
        podReplacementPolicy="TerminatingOrFailed",
    )


def _cron_job(obj: Object) -> None:
    spec = part(obj, "spec")
    fill(
        spec, concurrencyPolicy="Allow", suspend=False, successfulJobsHistoryLimit=3, failedJobsHistoryLimit=1
    )
    if isinstance(spec.get("jobTemplate"), dict):
        pod_spec(part(part(part(spec["jobTemplate"], "spec"), "template"), "spec"))


def _service(obj: Object) -> None:
    spec = part(obj, "spec")
    fill(spec, type="ClusterIP", sessionAffinity="None")
    for port in spec.get("ports") or []:
        fill(port, protocol="TCP")
        if "port" in port:
            fill(port, targetPort=port["port"])
    if spec["sessionAffinity"] == "ClientIP":
        fill(part(part(spec, "sessionAffinityConfig"), "clientIP"), timeoutSeconds=10800)
    elif spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    if spec["type"] != "ExternalName":
        fill(spec, internalTrafficPolicy="Cluster")
    if spec["type"] in ("NodePort", "LoadBalancer"):
        fill(spec, externalTrafficPolicy="Cluster")


def _secret(obj: Object) -> None:
    fill(obj, type="Opaque")
    for name, text in (obj.pop("stringData", None) or {}).items():
        part(obj, "data")[name] = base64.b64encode(str(text).encode()).decode()


def _autoscaler(obj: Object) -> None:
    spec = part(obj, "spec")
    fill(spec, minReplicas=1)
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    if isinstance(spec.get("behavior"), dict):
        _scaling_rules(spec["behavior"])


def _scaling_rules(behavior: Object) -> None:
    percent = {"type": "Percent", "value": 100, "periodSeconds": 15}
    pods = {"type": "Pods", "value": 4, "periodSeconds": 15}
    fill(
        part(behavior, "scaleUp"), stabilizationWindowSeconds=0, selectPolicy="Max", policies=[pods, percent]
    )
    fill(part(behavior, "scaleDown"), selectPolicy="Max", policies=[percent])


def _namespace(obj: Object) -> None:
    part(meta(obj), "labels")["kubernetes.io/metadata.name"] = name_of(obj)


def _ports(subsets: list[Object]) -> None:
    for subset in subsets:
        for port in subset.get("ports") or []:
            fill(port, protocol="TCP")


def _endpoint_slice(obj: Object) -> None:
    for port in obj.get("ports") or []:
        fill(port, name="", protocol="TCP")
    for endpoint in obj.get("endpoints") or []:
        fill(endpoint, conditions={})


def _network_policy(obj: Object) -> None:
    spec = part(obj, "spec")
    fill(spec, policyTypes=["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])
    _ports([*(spec.get("ingress") or []), *(spec.get("egress") or [])])


def _role_binding(obj: Object) -> None:
    rbac = "rbac.authorization.k8s.io"
    fill(part(obj, "roleRef"), apiGroup=rbac)
    for subject in obj.get("subjects") or []:
        fill(subject, apiGroup="" if subject.get("kind") == "ServiceAccount" else rbac)
        if not subject["apiGroup"]:
            del subject["apiGroup"]


def _definition(obj: Object) -> None:
    spec = part(obj, "spec")
    names = part(spec, "names")
    kind = str(names.get("kind", ""))
    fill(names, singular=kind.lower(), listKind=f"{kind}List")
    fill(part(spec, "conversion"), strategy="None")


_COMPLETERS: dict[tuple[str, str], Completer] = {
    ("", "Namespace"): _namespace,
    ("", "Pod"): lambda obj: pod_spec(part(obj, "spec")),
    ("", "Service"): _service,
    ("", "Secret"): _secret,
    ("", "Endpoints"): lambda obj: _ports(obj.get("subsets") or []),
    ("", "PersistentVolumeClaim"): lambda obj: fill(part(obj, "spec"), volumeMode="Filesystem"),
    ("", "ReplicationController"): _replication_controller,
    ("apps", "Deployment"): _deployment,
    ("apps", "ReplicaSet"): _replica_set,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("batch", "Job"): lambda obj: _job_spec(part(obj, "spec")),
    ("batch", "CronJob"): _cron_job,
    ("autoscaling", "HorizontalPodAutoscaler"): _autoscaler,
    ("networking.k8s.io", "NetworkPolicy"): _network_policy,
    ("discovery.k8s.io", "EndpointSlice"): _endpoint_slice,
    ("rbac.authorization.k8s.io", "RoleBinding"): _role_binding,
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): _role_binding,
    ("storage.k8s.io", "StorageClass"): lambda obj: fill(
        obj, reclaimPolicy="Delete", volumeBindingMode="Immediate"
    ),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _definition,
}
