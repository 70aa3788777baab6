"""The fields that built-in kinds know, as schemas, so that a misspelt or ill-typed one is refused.

Only the kinds that people write by hand are told here, and down to where spelling mistakes happen;
below that, and in all other built-in kinds, every field is taken.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]
_ANY: Schema = {"x-kubernetes-preserve-unknown-fields": True}


_TYPES: dict[str, Schema] = {
    "": _ANY,
    "s": {"type": "string"},
    "i": {"type": "integer"},
    "m": {"type": "object", **_ANY},
    "ms": {"type": "object", "additionalProperties": {"type": "string"}},
    "l": {"type": "array"},
    "ls": {"type": "array", "items": {"type": "string"}},
    "lm": {"type": "array", "items": {"type": "object", **_ANY}},
}


def _fields(names: str, /, **inner: Schema) -> Schema:
    """A map with these fields, each a name or name:type; those given by keyword know their own fields."""
    told = (name.partition(":") for name in names.split())
    return {"type": "object", "properties": {**{name: _TYPES[kind] for name, _, kind in told}, **inner}}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


METADATA = _fields(
    "name:s namespace:s generateName:s labels:ms annotations:ms finalizers:ls managedFields:lm "
    "resourceVersion:s uid:s",
    ownerReferences=_list({**_fields("uid:s name:s kind:s apiVersion:s"), "required": ["uid"]}),
)


_PROBE = _fields(
    "exec grpc initialDelaySeconds timeoutSeconds periodSeconds successThreshold failureThreshold "
    "terminationGracePeriodSeconds",
    httpGet=_fields("path:s port host scheme:s httpHeaders:l"),
    tcpSocket=_fields("port host"),
)
_CONTAINER = _fields(
    "name:s image:s command:ls args:ls workingDir:s envFrom:lm resizePolicy restartPolicy restartPolicyRules "
    "volumeDevices lifecycle terminationMessagePath terminationMessagePolicy imagePullPolicy securityContext "
    "stdin stdinOnce tty targetContainerName",
    ports=_list(_fields("name:s hostPort:i containerPort:i protocol:s hostIP")),
    env=_list(
        _fields(
            "name:s value:s",
            valueFrom=_fields("configMapKeyRef secretKeyRef fieldRef:m resourceFieldRef fileKeyRef"),
        )
    ),
    resources=_fields("limits:m requests:m claims:lm"),
    volumeMounts=_list(
        _fields("name readOnly recursiveReadOnly mountPath subPath mountPropagation subPathExpr")
    ),
    livenessProbe=_PROBE,
    readinessProbe=_PROBE,
    startupProbe=_PROBE,
)
_POD = _fields(
    "volumes:lm restartPolicy:s terminationGracePeriodSeconds activeDeadlineSeconds dnsPolicy nodeSelector "
    "serviceAccountName serviceAccount automountServiceAccountToken nodeName hostNetwork hostPID hostIPC "
    "shareProcessNamespace securityContext imagePullSecrets hostname subdomain affinity schedulerName "
    "tolerations hostAliases priorityClassName priority dnsConfig readinessGates runtimeClassName "
    "enableServiceLinks preemptionPolicy overhead topologySpreadConstraints setHostnameAsFQDN os hostUsers "
    "schedulingGates resourceClaims resources hostnameOverride workloadRef",
    containers=_list(_CONTAINER),
    initContainers=_list(_CONTAINER),
    ephemeralContainers=_list(_CONTAINER),
)
_TEMPLATE = _fields("", metadata=METADATA, spec=_POD)


def _kind(spec: Schema) -> Schema:
    return _fields("status:m", spec=spec)


def _workload(names: str, /, **inner: Schema) -> Schema:
    return _kind(_fields(names, selector=_SELECTOR, template=_TEMPLATE, **inner))


_SELECTOR = _fields(
    "matchLabels:ms",
    matchExpressions=_list({**_fields("key:s operator:s values:ls"), "required": ["key", "operator"]}),
)
_JOB = _fields(
    "parallelism completions activeDeadlineSeconds podFailurePolicy successPolicy backoffLimit "
    "backoffLimitPerIndex maxFailedIndexes selector manualSelector ttlSecondsAfterFinished completionMode "
    "suspend podReplacementPolicy managedBy",
    template=_TEMPLATE,
)
_SERVICE = _fields(
    "selector:ms clusterIP:s clusterIPs:ls type:s externalIPs:ls sessionAffinity loadBalancerIP "
    "loadBalancerSourceRanges externalName externalTrafficPolicy healthCheckNodePort "
    "publishNotReadyAddresses sessionAffinityConfig ipFamilies ipFamilyPolicy "
    "allocateLoadBalancerNodePorts loadBalancerClass internalTrafficPolicy "
    "trafficDistribution",
    ports=_list(_fields("name:s protocol:s appProtocol:s port:i targetPort nodePort:i")),
)
_AUTOSCALER = _fields(
    "minReplicas:i maxReplicas:i",
    scaleTargetRef=_fields("kind:s name:s apiVersion:s"),
    metrics=_list(
        _fields(
            "type:s object:m pods:m containerResource:m external:m",
            resource=_fields("name:s", target=_fields("type:s value averageValue averageUtilization:i")),
        )
    ),
    behavior=_fields("scaleUp:m scaleDown:m"),
)

_VERSION: Schema = {
    **_fields(
        "name:s served storage deprecated deprecationWarning",
        schema=_fields("openAPIV3Schema:m"),
        subresources=_fields("status:m scale:m"),
        additionalPrinterColumns=_list(
            {
                **_fields("name:s type:s jsonPath:s format:s priority:i description:s"),
                "required": ["name", "type", "jsonPath"],
            }
        ),
        selectableFields=_list(_fields("jsonPath:s")),
    ),
    "required": ["name"],
}

PLAIN = _fields("spec:m status:m")
"""What holds for a built-in kind that tells no more."""

SCHEMAS: dict[tuple[str, str], Schema] = {
    ("", "Namespace"): _kind(_fields("finalizers")),
    ("", "Pod"): _kind(_POD),
    ("", "Service"): _kind(_SERVICE),
    ("", "ConfigMap"): _fields("data:ms binaryData:ms immutable"),
    ("", "Secret"): _fields("data:ms stringData:ms type:s immutable"),
    ("", "ServiceAccount"): _fields("secrets imagePullSecrets automountServiceAccountToken"),
    ("apps", "Deployment"): _workload(
        "replicas:i minReadySeconds:i revisionHistoryLimit:i paused progressDeadlineSeconds:i",
        strategy=_fields("type:s rollingUpdate:m"),
    ),
    ("apps", "ReplicaSet"): _workload("replicas:i minReadySeconds:i"),
    ("apps", "StatefulSet"): _workload(
        "replicas:i volumeClaimTemplates:lm serviceName podManagementPolicy revisionHistoryLimit:i "
        "minReadySeconds:i persistentVolumeClaimRetentionPolicy:m ordinals:m",
        updateStrategy=_fields("type:s rollingUpdate:m"),
    ),
    ("apps", "DaemonSet"): _workload(
        "minReadySeconds:i revisionHistoryLimit:i", updateStrategy=_fields("type:s rollingUpdate:m")
    ),
    ("discovery.k8s.io", "EndpointSlice"): _fields(
        "addressType:s",
        ports=_list(_fields("name:s port:i protocol:s appProtocol:s")),
        endpoints=_list(
            _fields("addresses:ls conditions:m hostname:s targetRef:m nodeName:s zone:s hints:m")
        ),
    ),
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _kind(
        _fields(
            "group:s scope:s conversion:m preserveUnknownFields",
            names=_fields("plural:s singular:s kind:s listKind:s shortNames:ls categories:ls"),
            versions=_list(_VERSION),
        )
    ),
    ("batch", "Job"): _kind(_JOB),
    ("autoscaling", "HorizontalPodAutoscaler"): _kind(_AUTOSCALER),
    ("policy", "PodDisruptionBudget"): _kind(
        _fields("minAvailable selector maxUnavailable unhealthyPodEvictionPolicy")
    ),
}
