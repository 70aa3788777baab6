"""The shape of a kind: how its lists and maps merge and who may own which part of them.

Strategic merge patch and server-side apply both need to know whether a list is one value (atomic),
a set, or a map keyed by some fields of its items. Built-in kinds have that in Kubernetes' Go types,
custom kinds in their CustomResourceDefinition; here both become a `Shape`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

Style = Literal["granular", "atomic", "map", "set"]


@dataclass(frozen=True)
class Shape:
    """How one value merges.

    `style` is granular (maps whose entries are owned one by one), atomic (one value), or for lists
    map (items told apart by `keys`) and set. `merge_key` is what strategic merge uses where it
    differs from `keys`. `fields` are declared fields, `values` the shape of all others, `items` that
    of a list's items. `defaults` complete an item's keys.
    """

    style: Style = "granular"
    fields: Mapping[str, Shape] = field(default_factory=dict)
    values: Shape | None = None
    items: Shape | None = None
    keys: tuple[str, ...] = ()
    merge_key: str | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def child(self, name: str) -> Shape:
        return self.fields.get(name) or self.values or ANY

    @property
    def item(self) -> Shape:
        return self.items or ANY

    @cached_property
    def strategic_key(self) -> str | None:
        return self.merge_key or (self.keys[0] if self.keys else None)

    def is_entry(self, name: str) -> bool:
        """Whether the name is an entry of a map rather than a declared field of a struct."""
        return self.values is not None and name not in self.fields


ANY = Shape()
ATOMIC = Shape("atomic")
SET = Shape("set")
MAP = Shape(values=ANY)
DEDUCED = Shape()
"""Content without a schema: each map is one of entries, each list one value."""
object.__setattr__(DEDUCED, "values", DEDUCED)


def struct(**fields: Shape) -> Shape:
    return Shape(fields=fields)


def keyed(
    *keys: str, items: Shape = ANY, merge_key: str | None = None, defaults: Mapping[str, Any] | None = None
) -> Shape:
    return Shape("map", items=items, keys=keys, merge_key=merge_key, defaults=defaults or {})


def merged_by(key: str) -> Shape:
    """A list that server-side apply takes as one value while strategic merge goes into it."""
    return Shape("atomic", merge_key=key)


METADATA = struct(
    labels=MAP,
    annotations=MAP,
    ownerReferences=keyed("uid"),
    finalizers=SET,
    managedFields=ATOMIC,
)
CONDITIONS = keyed("type")
_KEY_REF = struct(
    valueFrom=struct(configMapKeyRef=ATOMIC, secretKeyRef=ATOMIC, fieldRef=ATOMIC, resourceFieldRef=ATOMIC)
)
_CONTAINER = struct(
    env=keyed("name", items=_KEY_REF),
    ports=keyed("containerPort", "protocol", defaults={"protocol": "TCP"}),
    volumeMounts=keyed("mountPath"),
    volumeDevices=keyed("devicePath"),
    resources=struct(limits=MAP, requests=MAP, claims=keyed("name")),
)
_CONTAINERS = keyed("name", items=_CONTAINER)
POD_SPEC = struct(
    containers=_CONTAINERS,
    initContainers=_CONTAINERS,
    ephemeralContainers=_CONTAINERS,
    volumes=keyed("name"),
    imagePullSecrets=keyed("name", items=ATOMIC),
    hostAliases=keyed("ip"),
    nodeSelector=ATOMIC,
    topologySpreadConstraints=keyed(
        "topologyKey", "whenUnsatisfiable", items=struct(labelSelector=ATOMIC), merge_key="topologyKey"
    ),
    schedulingGates=keyed("name"),
    resourceClaims=keyed("name"),
    securityContext=struct(sysctls=ATOMIC, supplementalGroups=ATOMIC),
)
TEMPLATE = struct(metadata=METADATA, spec=POD_SPEC)
WORKLOAD = struct(
    metadata=METADATA,
    spec=struct(selector=ATOMIC, template=TEMPLATE),
    status=struct(conditions=CONDITIONS),
)
PLAIN = struct(
    metadata=METADATA, data=MAP, stringData=MAP, binaryData=MAP, status=struct(conditions=CONDITIONS)
)
POD = struct(
    metadata=METADATA,
    spec=POD_SPEC,
    status=struct(
        conditions=CONDITIONS, podIPs=keyed("ip"), containerStatuses=ATOMIC, initContainerStatuses=ATOMIC
    ),
)
SERVICE = struct(
    metadata=METADATA,
    spec=struct(
        selector=ATOMIC,
        ports=keyed("port", "protocol", merge_key="port", defaults={"protocol": "TCP"}),
    ),
    status=struct(conditions=CONDITIONS, loadBalancer=struct(ingress=ATOMIC)),
)
NODE = struct(
    metadata=METADATA,
    spec=struct(taints=merged_by("key"), podCIDRs=SET),
    status=struct(conditions=CONDITIONS, addresses=keyed("type")),
)
SERVICE_ACCOUNT = struct(
    metadata=METADATA, secrets=keyed("name", items=ATOMIC), imagePullSecrets=merged_by("name")
)
REPLICATION_CONTROLLER = struct(
    metadata=METADATA, spec=struct(selector=ATOMIC, template=TEMPLATE), status=struct(conditions=CONDITIONS)
)
CRON_JOB = struct(
    metadata=METADATA, spec=struct(jobTemplate=struct(metadata=METADATA, spec=WORKLOAD.fields["spec"]))
)
AUTOSCALER = struct(metadata=METADATA, spec=struct(metrics=ATOMIC), status=struct(conditions=CONDITIONS))
BUDGET = struct(metadata=METADATA, spec=struct(selector=ATOMIC), status=struct(conditions=CONDITIONS))
NETWORK_POLICY = struct(metadata=METADATA, spec=struct(podSelector=ATOMIC))
BINDING = struct(metadata=METADATA, roleRef=ATOMIC)
DEFINITION = struct(metadata=METADATA, status=struct(conditions=CONDITIONS))


def of_schema(schema: Mapping[str, Any]) -> Shape:
    """The shape that an OpenAPI v3 structural schema describes."""
    if schema.get("type") == "array":
        return _of_list(schema)
    if schema.get("x-kubernetes-map-type") == "atomic":
        return ATOMIC
    fields = {name: of_schema(child) for name, child in (schema.get("properties") or {}).items()}
    extra = schema.get("additionalProperties")
    values = of_schema(extra) if isinstance(extra, Mapping) else None
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        values = values or DEDUCED
    return Shape(fields=fields, values=values)


def _of_list(schema: Mapping[str, Any]) -> Shape:
    style = schema.get("x-kubernetes-list-type", "atomic")
    if style == "set":
        return SET
    if style != "map":
        return ATOMIC
    items = schema.get("items") or {}
    keys = tuple(schema.get("x-kubernetes-list-map-keys") or ())
    properties = items.get("properties") or {}
    defaults = {key: properties[key]["default"] for key in keys if "default" in properties.get(key, {})}
    return Shape("map", items=of_schema(items), keys=keys, defaults=defaults)


def of_custom(schema: Mapping[str, Any]) -> Shape:
    """A custom kind's shape: its own schema, with the metadata that all kinds share."""
    shape = of_schema(schema)
    return Shape(fields={**shape.fields, "metadata": METADATA}, values=shape.values)
