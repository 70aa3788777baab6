"""The kinds of targets, and what differs between them: what carries a version, and how it comes and goes.

A Deployment has a number of replicas. A DaemonSet has a pod on each node that its node selector allows, and
none once that asks for a label which no node has: Flagger's, so that each finds its way in what the other
left. A Service has no pods of its own: those that it leads to are its team's, and a Service beside it carries
what is released.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from tidegate.domain.leading import EXTERNAL, LEADING, leading, led, reached
from tidegate.domain.manifest import Manifest, dig, number
from tidegate.domain.marks import JUDGED_TEMPLATE, annotations

ROLLOUT_FIELDS = (
    "strategy",
    "updateStrategy",
    "minReadySeconds",
    "progressDeadlineSeconds",
    "revisionHistoryLimit",
)
"""The parts of a workload's spec, apart from its template, that a promotion carries over."""

NO_NODE = "flagger.app/scale-to-zero"
"""The node selector of a DaemonSet without pods."""

Object = Mapping[str, Any]


class Counts(NamedTuple):
    """Pods by the status of a workload.

    `updated` run its last spec, `outdated` an earlier one; `present` are all, those on their way out too.
    """

    wanted: int
    updated: int
    outdated: int
    available: int
    present: int


class WorkloadKind(Protocol):
    """One kind. What changes a workload makes a new object of it."""

    name: str
    api_version: str
    version: str
    """What a version is, in words."""
    carried: tuple[str, ...]
    """The fields of a spec that a promotion carries over; the first is never missing."""
    version_field: tuple[str, ...]
    """The path in an object to what a version is."""
    size_field: tuple[str, ...]
    """The path in an object to what says how many pods it wants."""

    def carrier(self, target: str) -> str:
        """The name of what carries a version while it is released."""

    def carrying(self, workload: Manifest, fields: Object) -> Manifest:
        """With these carried fields in the place of its own."""

    def counts(self, workload: Object) -> Counts:
        """Its pods, as its controller counts them."""

    def is_down(self, workload: Object) -> bool:
        """Whether it is to have no pods."""

    def size(self, workload: Object) -> str:
        """How large it is to be, in words that follow "with"."""

    def at_rest(self, workload: Manifest, primary: Manifest) -> Manifest:
        """As a carrier is between releases: without pods, or as its primary."""

    def left(self, workload: Object) -> str:
        """What of a release is left of a carrier, in words that follow its name; empty at rest."""

    def up(self, workload: Manifest, replicas: int, like: Manifest) -> Manifest:
        """With pods: so many, or on the nodes on which the workload `like` has them."""

    def as_live(self, workload: Manifest, live: Object | None) -> Manifest:
        """With what the release decides on as it is in the live object, and at rest where there is none."""

    def template(self, workload: Object) -> Manifest:
        """What a version is: the pod template, whatever took the pods away, or where requests go."""

    def selector(self, workload: Object) -> dict[str, str]:
        """The labels of its pods."""


class _Workload(ABC):
    """What Deployments and DaemonSets have in common: pods of their own, made from a template."""

    api_version = "apps/v1"
    version = "the pod template"
    carried: tuple[str, ...] = ("template", *ROLLOUT_FIELDS)
    version_field: tuple[str, ...] = ("spec", "template")

    def carrier(self, target: str) -> str:
        return target

    def carrying(self, workload: Manifest, fields: Object) -> Manifest:
        spec = {key: value for key, value in workload["spec"].items() if key not in self.carried}
        return workload | {"spec": {**spec, **fields}}

    @abstractmethod
    def is_down(self, workload: Object) -> bool: ...

    @abstractmethod
    def size(self, workload: Object) -> str: ...

    def left(self, workload: Object) -> str:
        return "" if self.is_down(workload) else f"has {self.size(workload)}"

    def selector(self, workload: Object) -> dict[str, str]:
        return dig(workload, "spec", "selector", "matchLabels") or {}


class _Deployment(_Workload):
    name = "Deployment"
    size_field: tuple[str, ...] = ("spec", "replicas")

    def counts(self, workload: Object) -> Counts:
        present, updated = (number(workload, "status", name) for name in ("replicas", "updatedReplicas"))
        return Counts(
            wanted=number(workload, *self.size_field, default=1),
            updated=updated,
            outdated=max(0, present - updated),
            available=number(workload, "status", "availableReplicas"),
            present=present,
        )

    def is_down(self, workload: Object) -> bool:
        return self.counts(workload).wanted == 0

    def size(self, workload: Object) -> str:
        wanted = self.counts(workload).wanted
        return f"{wanted} replica{'' if wanted == 1 else 's'}"

    def at_rest(self, workload: Manifest, primary: Manifest) -> Manifest:
        return _with_spec(workload, replicas=0)

    def up(self, workload: Manifest, replicas: int, like: Manifest) -> Manifest:
        return _with_spec(workload, replicas=replicas)

    def as_live(self, workload: Manifest, live: Object | None) -> Manifest:
        replicas = 0 if live is None else dig(live, *self.size_field)
        spec = {key: value for key, value in (workload.get("spec") or {}).items() if key != "replicas"}
        return workload | {"spec": spec if replicas is None else spec | {"replicas": replicas}}

    def template(self, workload: Object) -> Manifest:
        return pod_template(workload)


class _DaemonSet(_Workload):
    name = "DaemonSet"
    size_field: tuple[str, ...] = ("spec", "template", "spec", "nodeSelector")

    def counts(self, workload: Object) -> Counts:
        """A node counts by its oldest pod: where that one is updated, none of an earlier spec is left."""
        here, elsewhere = "currentNumberScheduled", "numberMisscheduled"
        return Counts(
            wanted=number(workload, "status", "desiredNumberScheduled"),
            updated=number(workload, "status", "updatedNumberScheduled"),
            outdated=0,
            available=number(workload, "status", "numberAvailable"),
            present=number(workload, "status", here) + number(workload, "status", elsewhere),
        )

    def is_down(self, workload: Object) -> bool:
        return NO_NODE in (dig(workload, *self.size_field) or {})

    def size(self, workload: Object) -> str:
        return "a pod on each of its nodes"

    def at_rest(self, workload: Manifest, primary: Manifest) -> Manifest:
        return self._down(workload)

    def _down(self, workload: Manifest) -> Manifest:
        selector = dig(workload, *self.size_field) or {}
        return _on_nodes(workload, selector | {NO_NODE: "true"})

    def up(self, workload: Manifest, replicas: int, like: Manifest) -> Manifest:
        return _on_nodes(workload, _nodes_of(like))

    def as_live(self, workload: Manifest, live: Object | None) -> Manifest:
        down = live is None or self.is_down(live)
        return self._down(workload) if down else _on_nodes(workload, _nodes_of(workload))

    def template(self, workload: Object) -> Manifest:
        found = pod_template(workload)
        return found if "spec" not in found else _template_on(found, _nodes_of(workload))


class _Service:
    """What is promoted is where it leads to; the Service that users call follows its primary."""

    name = "Service"
    api_version = "v1"
    version = "where the Service leads"
    carried: tuple[str, ...] = LEADING
    version_field: tuple[str, ...] = ("spec",)
    size_field: tuple[str, ...] = ("spec",)

    def carrier(self, target: str) -> str:
        return f"{target}-canary"

    def carrying(self, workload: Manifest, fields: Object) -> Manifest:
        return workload | {"spec": led(workload.get("spec") or {}, fields)}

    def counts(self, workload: Object) -> Counts:
        """It has no pods of its own."""
        return Counts(wanted=0, updated=0, outdated=0, available=0, present=0)

    def is_down(self, workload: Object) -> bool:
        return False

    def size(self, workload: Object) -> str:
        spec: Object = workload.get("spec") or {}
        if spec.get("type") == EXTERNAL:
            return f"the external name {spec.get('externalName')}"
        labels = ",".join(f"{key}={value}" for key, value in sorted(self.selector(workload).items()))
        return f"the pods of {labels}" if labels else "endpoints that it does not select"

    def at_rest(self, workload: Manifest, primary: Manifest) -> Manifest:
        return self.carrying(workload, self.template(primary))

    def left(self, workload: Object) -> str:
        return "is under judgement yet" if JUDGED_TEMPLATE in annotations(dict(workload)) else ""

    def up(self, workload: Manifest, replicas: int, like: Manifest) -> Manifest:
        return self.carrying(workload, self.template(like))

    def as_live(self, workload: Manifest, live: Object | None) -> Manifest:
        if live is None:
            return workload
        return workload | {"spec": reached(workload.get("spec") or {}, live.get("spec") or {})}

    def template(self, workload: Object) -> Manifest:
        return leading(workload.get("spec") or {})

    def selector(self, workload: Object) -> dict[str, str]:
        return dig(workload, "spec", "selector") or {}


DEPLOYMENT: WorkloadKind = _Deployment()
DAEMON_SET: WorkloadKind = _DaemonSet()
SERVICE: WorkloadKind = _Service()
KINDS = {each.name: each for each in (DEPLOYMENT, DAEMON_SET, SERVICE)}
"""By name."""


def kind_of(workload: Object) -> WorkloadKind:
    """The kind of a workload; whatever else has replicas is as a Deployment."""
    return kind_named(str(workload.get("kind")))


def kind_named(name: str) -> WorkloadKind:
    """The same by its name."""
    return KINDS.get(name, DEPLOYMENT)


def pod_template(workload: Object) -> Manifest:
    """The template of its own pods; empty where it has none."""
    return dig(workload, "spec", "template") or {}


def _with_spec(workload: Manifest, **fields: Any) -> Manifest:
    return workload | {"spec": workload["spec"] | fields}


def _nodes_of(workload: Object) -> dict[str, str]:
    """The node selector, whatever took the pods away."""
    selector = dig(workload, *_DaemonSet.size_field) or {}
    return {key: value for key, value in selector.items() if key != NO_NODE}


def _on_nodes(workload: Manifest, selector: dict[str, str]) -> Manifest:
    return _with_spec(workload, template=_template_on(workload["spec"]["template"], selector))


def _template_on(template: Manifest, selector: dict[str, str]) -> Manifest:
    """A pod template with this node selector; an empty one is none."""
    spec = {key: value for key, value in (template.get("spec") or {}).items() if key != "nodeSelector"}
    return template | {"spec": spec | ({"nodeSelector": selector} if selector else {})}
