"""The kinds whose objects are compared, and what may be in them."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from tests.sandbox.cluster_api.generated import METADATA, Json, Subject, keyed, some

_words = st.sampled_from(["x", "y", "z"])
_few = st.integers(0, 3)
_label = st.dictionaries(st.sampled_from(["a", "b"]), _words, max_size=2)

CONFIG_MAP = Subject(
    "ConfigMap",
    "v1",
    "ConfigMap",
    "configmaps",
    some(metadata=METADATA, data=st.dictionaries(st.sampled_from(["a", "b", "c"]), _words, max_size=3)),
    {},
    pointers=[("/data/a", _words), ("/data", st.just({"b": "x"})), ("/metadata/labels", _label)],
)

_CONTAINER: Json = {
    "image": st.sampled_from(["web:1", "web:2", "web"]),
    "args": st.lists(_words, max_size=2),
    "ports": keyed(
        "containerPort",
        containerPort=st.sampled_from([80, 90]),
        protocol=st.sampled_from(["TCP", "UDP"]),
        name=st.sampled_from(["http", "grpc"]),
    ),
    "env": keyed(
        "name",
        name=st.sampled_from(["A", "B", "C"]),
        value=_words,
    ),
    "volumeMounts": keyed(
        "mountPath",
        "name",
        mountPath=st.sampled_from(["/a", "/b"]),
        name=st.just("files"),
        readOnly=st.booleans(),
    ),
    "resources": some(
        limits=some(cpu=st.sampled_from(["1", "500m"]), memory=st.just("64Mi")),
        requests=some(cpu=st.sampled_from(["100m", "0.5"])),
    ),
    "readinessProbe": st.fixed_dictionaries(
        {
            "httpGet": st.fixed_dictionaries(
                {"port": st.sampled_from([80, "http"])}, optional={"path": st.just("/ok")}
            )
        },
        optional={"periodSeconds": st.integers(1, 3)},
    ),
    "securityContext": some(runAsUser=_few),
}
_POD_SPEC = some(
    containers=keyed("name", name=st.sampled_from(["app", "side"]), **_CONTAINER),
    initContainers=keyed("name", "image", name=st.just("init"), image=st.just("init:1")),
    volumes=st.sampled_from(
        [
            [{"name": "files", "emptyDir": {}}],
            [{"name": "files", "configMap": {"name": "files"}}],
            [{"name": "files", "emptyDir": {}}, {"name": "more", "emptyDir": {"medium": "Memory"}}],
        ]
    ),
    nodeSelector=_label,
    tolerations=st.just([{"key": "a", "operator": "Exists"}]),
    terminationGracePeriodSeconds=_few,
    serviceAccountName=_words,
    imagePullSecrets=st.just([{"name": "pull"}]),
    securityContext=some(runAsNonRoot=st.booleans()),
)
_TEMPLATE = some(
    metadata=some(labels=st.sampled_from([{"app": "web"}, {"app": "web", "v": "2"}]), annotations=_label),
    spec=_POD_SPEC,
)
DEPLOYMENT = Subject(
    "Deployment",
    "apps/v1",
    "Deployment",
    "deployments",
    some(
        metadata=METADATA,
        spec=some(
            replicas=_few,
            minReadySeconds=_few,
            paused=st.booleans(),
            strategy=st.sampled_from(
                [
                    {},
                    {"type": "Recreate"},
                    {"type": "RollingUpdate"},
                    {"rollingUpdate": {"maxSurge": 1}},
                    {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "50%", "maxUnavailable": 0}},
                ]
            ),
            template=_TEMPLATE,
        ),
    ),
    {
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "containers": [{"name": "app", "image": "web:1"}],
                    "volumes": [{"name": "files", "emptyDir": {}}],
                },
            },
        }
    },
    status=some(
        replicas=_few,
        readyReplicas=st.integers(0, 1),
        observedGeneration=_few,
        conditions=keyed(
            "type",
            "status",
            type=st.sampled_from(["Available", "Progressing"]),
            status=st.sampled_from(["True", "False"]),
            reason=_words,
        ),
    ),
    pointers=[
        ("/spec/replicas", _few),
        ("/spec/template/spec/containers/0/image", st.just("web:3")),
        ("/spec/template/spec/containers/0/env/0", st.just({"name": "D", "value": "x"})),
        ("/spec/template/spec/containers/1", st.just({"name": "third", "image": "third:1"})),
    ],
)
SCALED = replace(DEPLOYMENT, name="scaled Deployment", scale=True, applied_only=True)
"""Scaled by appliers only: a real server loses count of the updaters of what is scaled through the Scale
(it writes two entries of one manager, and reads back whichever comes last)."""

SERVICE = Subject(
    "Service",
    "v1",
    "Service",
    "services",
    some(
        metadata=METADATA,
        spec=some(
            ports=keyed(
                "name",
                "port",
                name=st.sampled_from(["http", "grpc", "udp"]),
                port=st.sampled_from([80, 90]),
                protocol=st.sampled_from(["TCP", "UDP"]),
                targetPort=st.sampled_from([8080, "http"]),
                appProtocol=st.just("http"),
            ),
            selector=_label,
            sessionAffinity=st.sampled_from(["None", "ClientIP"]),
            publishNotReadyAddresses=st.booleans(),
            type=st.just("ClusterIP"),
        ),
    ),
    {"spec": {"ports": [{"name": "http", "port": 80}]}},
    pointers=[("/spec/ports/0/targetPort", st.just(9090)), ("/spec/selector", _label)],
)

AUTOSCALER = Subject(
    "HorizontalPodAutoscaler",
    "autoscaling/v2",
    "HorizontalPodAutoscaler",
    "horizontalpodautoscalers",
    some(
        metadata=METADATA,
        spec=some(
            minReplicas=st.integers(1, 2),
            maxReplicas=st.integers(1, 4),
            metrics=st.lists(
                st.sampled_from(["cpu", "memory"]).map(
                    lambda name: {
                        "type": "Resource",
                        "resource": {
                            "name": name,
                            "target": {"type": "Utilization", "averageUtilization": 50},
                        },
                    }
                ),
                max_size=2,
            ),
            behavior=some(
                scaleDown=some(stabilizationWindowSeconds=_few),
                scaleUp=some(selectPolicy=st.sampled_from(["Max", "Disabled"])),
            ),
        ),
    ),
    {
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "maxReplicas": 3,
        }
    },
    pointers=[("/spec/maxReplicas", _few)],
)

ENDPOINT_SLICE = Subject(
    "EndpointSlice",
    "discovery.k8s.io/v1",
    "EndpointSlice",
    "endpointslices",
    some(
        metadata=METADATA,
        ports=keyed(
            "name",
            name=st.sampled_from(["http", "grpc"]),
            port=st.sampled_from([80, 90]),
            protocol=st.just("UDP"),
        ),
        endpoints=st.lists(
            st.fixed_dictionaries(
                {"addresses": st.sampled_from([["10.1.0.1"], ["10.1.0.2"]])},
                optional={"conditions": some(ready=st.booleans()), "nodeName": _words},
            ),
            max_size=2,
        ),
    ),
    {"addressType": "IPv4", "endpoints": [{"addresses": ["10.1.0.1"]}]},
)

GADGET_SCHEMA: Json = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "size": {"type": "integer", "minimum": 1},
                "colour": {"type": "string", "enum": ["red", "blue"], "default": "blue"},
                "steps": {"type": "array", "items": {"type": "integer"}},
                "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
                "parts": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name", "side"],
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {
                            "name": {"type": "string"},
                            "side": {"type": "string", "default": "left"},
                            "weight": {"type": "integer"},
                            "notes": {"type": "array", "items": {"type": "string"}},
                        },
                    },
                },
                "whole": {
                    "type": "object",
                    "x-kubernetes-map-type": "atomic",
                    "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
                },
                "named": {
                    "type": "object",
                    "additionalProperties": {
                        "type": "object",
                        "properties": {"a": {"type": "string"}, "b": {"type": "string", "default": "z"}},
                    },
                },
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "port": {"x-kubernetes-int-or-string": True},
                "nothing": {"type": "string", "nullable": True},
                "replicas": {"type": "integer"},
            },
        },
        "status": {
            "type": "object",
            "properties": {"phase": {"type": "string"}, "replicas": {"type": "integer"}},
        },
    },
}
_free = st.sampled_from([{}, {"a": 1}, {"a": {"b": [1]}}, {"a": {"c": "x"}, "d": None}])
GADGET = Subject(
    "Gadget",
    "sequences.test/v1",
    "Gadget",
    "gadgets",
    some(
        metadata=METADATA,
        spec=some(
            size=_few,
            colour=st.sampled_from(["red", "blue"]),
            steps=st.lists(_few, max_size=2),
            tags=st.lists(_words, max_size=3, unique=True),
            parts=keyed(
                "name",
                name=st.sampled_from(["a", "b"]),
                side=st.sampled_from(["left", "right"]),
                weight=_few,
                notes=st.lists(_words, max_size=1),
            ),
            whole=some(a=_words, b=_words),
            named=st.dictionaries(_words, some(a=_words, b=_words), max_size=2),
            free=_free,
            port=st.sampled_from([80, "http"]),
            nothing=st.sampled_from([None, "x"]),
            replicas=_few,
        ),
    ),
    {"spec": {"size": 1}},
    status=some(phase=_words, replicas=_few),
    strategic=False,
    pointers=[("/spec/tags/0", _words), ("/spec/parts/0/weight", _few), ("/spec/size", _few)],
)
SCALED_GADGET = replace(GADGET, name="scaled Gadget", scale=True, applied_only=True)
BLOB = Subject(
    "Blob",
    "sequences.test/v1",
    "Blob",
    "blobs",
    some(
        metadata=METADATA,
        spec=some(
            free=_free, list=st.lists(_words, max_size=2), maps=st.lists(_label, max_size=2), size=_few
        ),
        other=_free,
    ),
    {},
    strategic=False,
    pointers=[("/spec", _free), ("/other/a", _words)],
)
NAMESPACE = "sequences"
"""Where their objects are made."""

SUBJECTS = (CONFIG_MAP, DEPLOYMENT, SCALED, SERVICE, AUTOSCALER, ENDPOINT_SLICE, GADGET, SCALED_GADGET, BLOB)


def definition(kind: str, plural: str, schema: Json, **subresources: Json) -> Json:
    """The CustomResourceDefinition of a kind of the group sequences.test."""
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": subresources,
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.sequences.test"},
        "spec": {
            "group": "sequences.test",
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural},
            "versions": [version],
        },
    }


DEFINITIONS = (
    definition(
        "Gadget",
        "gadgets",
        GADGET_SCHEMA,
        status={},
        scale={"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"},
    ),
    definition("Blob", "blobs", {"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
)
