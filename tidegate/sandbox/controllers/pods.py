"""What controllers do with pods: made from a template, and deleted, with the cache ahead of the watch."""

from __future__ import annotations

from tidegate.sandbox.client import PODS, ClusterClient, NotFoundError, Object, Resource
from tidegate.sandbox.controllers.objects import deleting, owner_reference
from tidegate.sandbox.informer import Informer


class PodWriter:
    """Writes pods, and lets a cache of them know."""

    def __init__(self, client: ClusterClient, pods: Informer) -> None:
        self._client = client
        self._pods = pods

    async def create(self, pod: Object) -> None:
        """Create a pod."""
        self._pods.observe(await self._client.create(PODS, pod))

    async def delete(self, pod: Object) -> None:
        """Delete a pod; one that is gone is fine."""
        try:
            answer = await self._client.delete(PODS, pod)
        except NotFoundError:
            self._pods.forget(pod)
            return
        if answer.get("kind") == PODS.kind and deleting(answer):
            self._pods.observe(answer)
        else:
            self._pods.forget(pod)


def pod_of(resource: Resource, owner: Object) -> Object:
    """A pod of the owner's template."""
    template = owner["spec"]["template"]
    metadata = {name: template["metadata"].get(name) or {} for name in ("labels", "annotations")}
    return {
        "metadata": {
            **metadata,
            "namespace": owner["metadata"]["namespace"],
            "generateName": owner["metadata"]["name"] + "-",
            "ownerReferences": [owner_reference(resource, owner)],
        },
        "spec": template["spec"],
    }
