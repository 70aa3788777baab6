"""The fields that built-in kinds know, as schemas, so that a misspelt one is refused or dropped.

Only the kinds that people write by hand are told here, and down to where spelling mistakes happen;
below that, and in all other built-in kinds, every field is taken.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]
_ANY: Schema = {"x-kubernetes-preserve-unknown-fields": True}


def _fields(names: str, **inner: Schema) -> Schema:
    """A map with these fields; those given by keyword know their own fields in turn."""
    return {"properties": {**dict.fromkeys(names.split(), _ANY), **inner}}


def _list(items: Schema) -> Schema:
    return {"items": items}


_PROBE = _fields(
    "exec grpc initialDelaySeconds timeoutSeconds periodSeconds successThreshold failureThreshold "
    "terminationGracePeriodSeconds",
    httpGet=_fields("path port host scheme httpHeaders"),
    tcpSocket=_fields("port host"),
)
_CONTAINER = _fields(
    "name image command args workingDir envFrom resizePolicy restartPolicy restartPolicyRules volumeDevices "
    "lifecycle terminationMessagePath terminationMessagePolicy imagePullPolicy securityContext stdin "
    "stdinOnce tty targetContainerName",
    ports=_list(_fields("name hostPort containerPort protocol hostIP")),
    env=_list(_fields("name value valueFrom")),
    resources=_fields("limits requests claims"),
    volumeMounts=_list(
        _fields("name readOnly recursiveReadOnly mountPath subPath mountPropagation subPathExpr")
    ),
    livenessProbe=_PROBE,
    readinessProbe=_PROBE,
    startupProbe=_PROBE,
)
_POD = _fields(
    "volumes restartPolicy terminationGracePeriodSeconds activeDeadlineSeconds dnsPolicy nodeSelector "
    "serviceAccountName serviceAccount automountServiceAccountToken nodeName hostNetwork hostPID hostIPC "
    "shareProcessNamespace securityContext imagePullSecrets hostname subdomain affinity schedulerName "
    "tolerations hostAliases priorityClassName priority dnsConfig readinessGates runtimeClassName "
    "enableServiceLinks preemptionPolicy overhead topologySpreadConstraints setHostnameAsFQDN os hostUsers "
    "schedulingGates resourceClaims resources hostnameOverride workloadRef",
    containers=_list(_CONTAINER),
    initContainers=_list(_CONTAINER),
    ephemeralContainers=_list(_CONTAINER),
)
_TEMPLATE = _fields("metadata", spec=_POD)


def _kind(spec: Schema) -> Schema:
    return _fields("status", spec=spec)


def _workload(names: str) -> Schema:
    return _kind(_fields(f"{names} selector", template=_TEMPLATE))


_JOB = _fields(
    "parallelism completions activeDeadlineSeconds podFailurePolicy successPolicy backoffLimit "
    "backoffLimitPerIndex maxFailedIndexes selector manualSelector ttlSecondsAfterFinished completionMode "
    "suspend podReplacementPolicy managedBy",
    template=_TEMPLATE,
)
_SERVICE = _fields(
    "selector clusterIP clusterIPs type externalIPs sessionAffinity loadBalancerIP loadBalancerSourceRanges "
    "externalName externalTrafficPolicy healthCheckNodePort publishNotReadyAddresses sessionAffinityConfig "
    "ipFamilies ipFamilyPolicy allocateLoadBalancerNodePorts loadBalancerClass internalTrafficPolicy "
    "trafficDistribution",
    ports=_list(_fields("name protocol appProtocol port targetPort nodePort")),
)
_AUTOSCALER = _fields(
    "minReplicas maxReplicas",
    scaleTargetRef=_fields("kind name apiVersion"),
    metrics=_list(_fields("type object pods resource containerResource external")),
    behavior=_fields("scaleUp scaleDown"),
)

SCHEMAS: dict[tuple[str, str], Schema] = {
    ("", "Namespace"): _kind(_fields("finalizers")),
    ("", "Pod"): _kind(_POD),
    ("", "Service"): _kind(_SERVICE),
    ("", "ConfigMap"): _fields("data binaryData immutable"),
    ("", "Secret"): _fields("data stringData type immutable"),
    ("", "ServiceAccount"): _fields("secrets imagePullSecrets automountServiceAccountToken"),
    ("apps", "Deployment"): _workload(
        "replicas strategy minReadySeconds revisionHistoryLimit paused progressDeadlineSeconds"
    ),
    ("apps", "ReplicaSet"): _workload("replicas minReadySeconds"),
    ("apps", "StatefulSet"): _workload(
        "replicas volumeClaimTemplates serviceName podManagementPolicy updateStrategy revisionHistoryLimit "
        "minReadySeconds persistentVolumeClaimRetentionPolicy ordinals"
    ),
    ("apps", "DaemonSet"): _workload("updateStrategy minReadySeconds revisionHistoryLimit"),
    ("batch", "Job"): _kind(_JOB),
    ("autoscaling", "HorizontalPodAutoscaler"): _kind(_AUTOSCALER),
    ("policy", "PodDisruptionBudget"): _kind(
        _fields("minAvailable selector maxUnavailable unhealthyPodEvictionPolicy")
    ),
}
