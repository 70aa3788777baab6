"""The kinds of targets, and what differs between them: how many pods there are, and how they are taken away.

A Deployment has a number of replicas. A DaemonSet has a pod on each node that its node selector allows, and
none once that asks for a label which no node has: Flagger's, so that each finds its way in what the other
left.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from tidegate.domain.manifest import Manifest, dig, number

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
    size_field: tuple[str, ...]
    """The path in an object to what says how many pods it wants."""

    def counts(self, workload: Object) -> Counts:
        """Its pods, as its controller counts them."""

    def is_down(self, workload: Object) -> bool:
        """Whether it is to have no pods."""

    def size(self, workload: Object) -> str:
        """How large it is to be, in words that follow "with"."""

    def down(self, workload: Manifest) -> Manifest:
        """Without any pods."""

    def up(self, workload: Manifest, replicas: int, like: Manifest) -> Manifest:
        """With pods: so many, or on the nodes on which the workload `like` has them."""

    def as_live(self, workload: Manifest, live: Object | None) -> Manifest:
        """As large as the live object is, and without pods where there is none."""

    def template(self, workload: Object) -> Manifest:
        """The pod template, whatever took the pods away."""


class _Deployment:
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

    def down(self, workload: Manifest) -> Manifest:
        return _with_spec(workload, replicas=0)

    def up(self, workload: Manifest, replicas: int, like: Manifest) -> Manifest:
        return _with_spec(workload, replicas=replicas)

    def as_live(self, workload: Manifest, live: Object | None) -> Manifest:
        replicas = 0 if live is None else dig(live, *self.size_field)
        spec = {key: value for key, value in (workload.get("spec") or {}).items() if key != "replicas"}
        return workload | {"spec": spec if replicas is None else spec | {"replicas": replicas}}

    def template(self, workload: Object) -> Manifest:
        return dig(workload, "spec", "template") or {}


class _DaemonSet:
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

    def down(self, workload: Manifest) -> Manifest:
        selector = dig(workload, *self.size_field) or {}
        return _on_nodes(workload, selector | {NO_NODE: "true"})

    def up(self, workload: Manifest, replicas: int, like: Manifest) -> Manifest:
        return _on_nodes(workload, _nodes_of(like))

    def as_live(self, workload: Manifest, live: Object | None) -> Manifest:
        down = live is None or self.is_down(live)
        return self.down(workload) if down else _on_nodes(workload, _nodes_of(workload))

    def template(self, workload: Object) -> Manifest:
        found: Manifest = dig(workload, "spec", "template") or {}
        return found if "spec" not in found else _template_on(found, _nodes_of(workload))


DEPLOYMENT: WorkloadKind = _Deployment()
DAEMON_SET: WorkloadKind = _DaemonSet()
KINDS = {each.name: each for each in (DEPLOYMENT, DAEMON_SET)}
"""By name."""


def kind_of(workload: Object) -> WorkloadKind:
    """The kind of a workload; whatever else has replicas is as a Deployment."""
    return KINDS.get(str(workload.get("kind")), DEPLOYMENT)


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
