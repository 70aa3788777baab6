"""The Deployment controller: a ReplicaSet per pod template, and a bounded way from one to the next."""

from __future__ import annotations

from tidegate.sandbox.client import (
    DEPLOYMENTS,
    REPLICA_SETS,
    STATUS,
    ClusterClient,
    ConflictError,
    NotFoundError,
    Object,
)
from tidegate.sandbox.controllers.objects import (
    TEMPLATE_HASH,
    controller_key,
    deleting,
    field,
    owned_by,
    owner_reference,
    pod_active,
    template_hash,
    without_hash,
)
from tidegate.sandbox.controllers.rollout import (
    bounds_of,
    desired_replicas,
    next_new_size,
    next_old_sizes,
    proportional_sizes,
)
from tidegate.sandbox.controllers.rollout_status import (
    deployment_status,
    is_complete,
    seconds_to_deadline,
)
from tidegate.sandbox.informer import Informer, Key, Reconciler, key_of

REVISION = "deployment.kubernetes.io/revision"
DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS = "deployment.kubernetes.io/max-replicas"


class DeploymentController:
    """Keeps each Deployment's ReplicaSets on their way to its spec."""

    def __init__(
        self, client: ClusterClient, deployments: Informer, replica_sets: Informer, pods: Informer
    ) -> None:
        self._client = client
        self._deployments = deployments
        self._replica_sets = replica_sets
        self._pods = pods
        self.reconciler = Reconciler("deployment", self.reconcile)
        deployments.on_change(lambda obj, _: self.reconciler.queue.add(key_of(obj)))
        replica_sets.on_change(self._replica_set_changed)
        pods.on_change(self._pod_changed)

    async def reconcile(self, key: Key) -> None:
        """One step of the rollout, then the report; the next change of a ReplicaSet brings the next step."""
        deployment = self._deployments.get(key)
        if deployment is None or deleting(deployment):
            return
        new, old = self._split(deployment)
        paused = bool(deployment["spec"].get("paused"))
        if new is None and not paused:
            new = await self._create(deployment, old)
        if new is not None:
            deployment = await self._mark_revision(deployment, new, old)
        if paused or self._was_scaled(deployment, new, old):
            await self._scale_in_place(deployment, new, old)
        elif new is not None:
            await self._roll(deployment, new, old)
        await self._report(deployment)

    def _replica_set_changed(self, replica_set: Object, _: Object | None) -> None:
        key = controller_key(replica_set, DEPLOYMENTS)
        if key is not None:
            self.reconciler.queue.add(key)

    def _pod_changed(self, pod: Object, _: Object | None) -> None:
        """Recreate waits for the very last old pod, which no ReplicaSet's status counts any more."""
        key = controller_key(pod, REPLICA_SETS)
        if key is None or pod_active(pod):
            return
        replica_set = self._replica_sets.get(key)
        if replica_set is not None:
            self._replica_set_changed(replica_set, None)

    def _split(self, deployment: Object) -> tuple[Object | None, list[Object]]:
        """The ReplicaSet of the current template, if there is one, and all others, oldest first."""
        sets = self._replica_sets.all(deployment["metadata"]["namespace"])
        mine = sorted((rs for rs in sets if owned_by(rs, deployment)), key=_revision)
        wanted = without_hash(deployment["spec"]["template"])
        same = [rs for rs in mine if without_hash(rs["spec"]["template"]) == wanted]
        new = same[0] if same else None
        return new, [rs for rs in mine if rs is not new]

    async def _create(self, deployment: Object, old: list[Object]) -> Object:
        """The new template's ReplicaSet, as large as the bounds allow from the start."""
        revision = max([_revision(rs) for rs in old], default=0) + 1
        replica_set = _new_replica_set(deployment, revision)
        if not (_recreates(deployment) and self._has_pods(old)):
            replica_set["spec"]["replicas"] = next_new_size(bounds_of(deployment), replica_set, old)
        created = await self._client.create(REPLICA_SETS, replica_set)
        self._replica_sets.observe(created)
        return created

    async def _mark_revision(self, deployment: Object, new: Object, old: list[Object]) -> Object:
        """Give a ReplicaSet that is used again the newest revision, and the Deployment the same."""
        newest = max([_revision(rs) for rs in old], default=0)
        revision = _revision(new) if _revision(new) > newest else newest + 1
        min_ready = field(deployment, "spec", "minReadySeconds")
        patch: Object = {}
        if _revision(new) != revision:
            patch["metadata"] = {"annotations": {REVISION: str(revision)}}
        if field(new, "spec", "minReadySeconds") != min_ready:
            patch["spec"] = {"minReadySeconds": min_ready}
        if patch:
            self._replica_sets.observe(await self._client.patch(REPLICA_SETS, new, patch))
        if _annotation(deployment, REVISION) == str(revision):
            return deployment
        patch = {"metadata": {"annotations": {REVISION: str(revision)}}}
        marked = await self._client.patch(DEPLOYMENTS, deployment, patch)
        self._deployments.observe(marked)
        return marked

    def _was_scaled(self, deployment: Object, new: Object | None, old: list[Object]) -> bool:
        """Did spec.replicas change since the ReplicaSets with pods were last sized?"""
        wanted = str(desired_replicas(deployment))
        active = [rs for rs in (*old, *([new] if new else [])) if desired_replicas(rs) > 0]
        return any(_annotation(rs, DESIRED_REPLICAS) not in (None, wanted) for rs in active)

    async def _scale_in_place(self, deployment: Object, new: Object | None, old: list[Object]) -> None:
        """Follow a changed spec.replicas without moving the rollout on."""
        replicas = desired_replicas(deployment)
        every = [*old, *([new] if new else [])]
        active = [rs for rs in every if desired_replicas(rs) > 0]
        if len(active) <= 1:
            sizes = {rs["metadata"]["name"]: replicas for rs in active or every[-1:]}
        elif new is not None and field(new, "status", "availableReplicas") >= replicas:
            sizes = {rs["metadata"]["name"]: 0 for rs in old} | {new["metadata"]["name"]: replicas}
        else:
            sizes = proportional_sizes(active, bounds_of(deployment).most if replicas else 0)
        for rs in every:
            await self._resize(deployment, rs, sizes.get(rs["metadata"]["name"], desired_replicas(rs)))

    async def _roll(self, deployment: Object, new: Object, old: list[Object]) -> None:
        if _recreates(deployment):
            await self._recreate(deployment, new, old)
        else:
            await self._roll_within_bounds(deployment, new, old)

    async def _recreate(self, deployment: Object, new: Object, old: list[Object]) -> None:
        for rs in old:
            await self._resize(deployment, rs, 0)
        if not self._has_pods(old):
            await self._resize(deployment, new, desired_replicas(deployment))

    async def _roll_within_bounds(self, deployment: Object, new: Object, old: list[Object]) -> None:
        bounds = bounds_of(deployment)
        size = next_new_size(bounds, new, old)
        if size != desired_replicas(new):
            new = await self._resize(deployment, new, size)
        sizes = next_old_sizes(bounds, new, old)
        for rs in old:
            await self._resize(deployment, rs, sizes[rs["metadata"]["name"]])

    def _has_pods(self, replica_sets: list[Object]) -> bool:
        """Is there any pod of these left, be it only ending?"""
        return any(
            owned_by(pod, rs)
            for rs in replica_sets
            for pod in self._pods.all(rs["metadata"]["namespace"])
            if pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")
        )

    async def _resize(self, deployment: Object, replica_set: Object, size: int) -> Object:
        annotations = _scale_annotations(deployment)
        unmarked = size > 0 and any(_annotation(replica_set, k) != v for k, v in annotations.items())
        if desired_replicas(replica_set) == size and not unmarked:
            return replica_set
        patch = {
            "metadata": {
                "annotations": annotations,
                "resourceVersion": replica_set["metadata"]["resourceVersion"],
            },
            "spec": {"replicas": size},
        }
        answer = await self._client.patch(REPLICA_SETS, replica_set, patch)
        self._replica_sets.observe(answer)
        return answer

    async def _report(self, deployment: Object) -> None:
        new, old = self._split(deployment)
        status = deployment_status(deployment, new, old)
        known = {k: v for k, v in (deployment.get("status") or {}).items() if k in status or v}
        if known != status:
            answer = await self._client.replace(DEPLOYMENTS, {**deployment, "status": status}, STATUS)
            self._deployments.observe(answer)
        remaining = seconds_to_deadline(deployment, status)
        if remaining is not None:
            self.reconciler.queue.add_after(key_of(deployment), remaining)
        if is_complete(deployment, status):
            await self._forget_old(deployment, old)

    async def _forget_old(self, deployment: Object, old: list[Object]) -> None:
        """Delete the oldest empty ReplicaSets beyond revisionHistoryLimit."""
        limit = int(deployment["spec"].get("revisionHistoryLimit", 10))
        empty = [rs for rs in old if not (desired_replicas(rs) or field(rs, "status", "replicas"))]
        for rs in empty[: max(0, len(old) - limit)]:
            try:
                await self._client.delete(REPLICA_SETS, rs)
            except (NotFoundError, ConflictError):
                continue
            self._replica_sets.forget(rs)


def _new_replica_set(deployment: Object, revision: int) -> Object:
    """A ReplicaSet of the Deployment's template, without any replicas yet."""
    template, selector = deployment["spec"]["template"], deployment["spec"]["selector"]
    name = template_hash(template)
    labels = {**(template["metadata"].get("labels") or {}), TEMPLATE_HASH: name}
    match_labels = {**(selector.get("matchLabels") or {}), TEMPLATE_HASH: name}
    return {
        "metadata": {
            "name": f"{deployment['metadata']['name']}-{name}",
            "namespace": deployment["metadata"]["namespace"],
            "labels": labels,
            "annotations": {**_scale_annotations(deployment), REVISION: str(revision)},
            "ownerReferences": [owner_reference(DEPLOYMENTS, deployment)],
        },
        "spec": {
            "replicas": 0,
            "minReadySeconds": field(deployment, "spec", "minReadySeconds"),
            "selector": {**selector, "matchLabels": match_labels},
            "template": {**template, "metadata": {**template["metadata"], "labels": labels}},
        },
    }


def _recreates(deployment: Object) -> bool:
    return (deployment["spec"].get("strategy") or {}).get("type") == "Recreate"


def _annotation(obj: Object, name: str) -> str | None:
    value = (obj["metadata"].get("annotations") or {}).get(name)
    return None if value is None else str(value)


def _revision(replica_set: Object) -> int:
    return int(_annotation(replica_set, REVISION) or 0)


def _scale_annotations(deployment: Object) -> dict[str, str]:
    bounds = bounds_of(deployment)
    return {DESIRED_REPLICAS: str(bounds.replicas), MAX_REPLICAS: str(bounds.most)}
