"""What a cluster serves: API versions by group, and each kind's path."""

import contextlib
import threading
from collections.abc import Sequence
from typing import NamedTuple

from tidegate.adapters.kubernetes.connection import Connection
from tidegate.domain.errors import InvalidInput
from tidegate.domain.manifest import group_of

MENDS = {
    "networking.istio.io": "install Istio there, or set mesh.control_plane to the cluster that has it",
    "flagger.app": "remove it, or install its CustomResourceDefinition there",
}
DEFAULT_MEND = "install its CustomResourceDefinition there, or use an API version that the cluster serves"


class Resource(NamedTuple):
    """Where a kind is served."""

    plural: str
    namespaced: bool


class Discovery:
    """Remembers what was discovered, and asks anew when something is missing: a CRD may just have come."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._versions: dict[str, tuple[str, ...]] = {}
        self._resources: dict[str, dict[str, Resource]] = {}
        self._lock = threading.RLock()

    def resource(self, api_version: str, kind: str) -> Resource:
        """The path parts of a kind; InvalidInput when the cluster does not serve it."""
        with self._lock:
            found = self._resources.get(api_version, {}).get(kind)
            found = found or self._discover(api_version).get(kind)
        if found is None:
            raise self._unserved(f"{kind} ({api_version})", group_of(api_version))
        return found

    def serves(self, api_version: str, kind: str) -> bool:
        """Whether the cluster serves a kind."""
        with contextlib.suppress(InvalidInput):
            return bool(self.resource(api_version, kind))
        return False

    def served(self, group: str, kind: str, preferred: Sequence[str] = ()) -> str:
        """The API version to use for a kind: the first served of `preferred`, else the group's own order."""
        with self._lock:
            found = self._find(self._versions.get(group, ()), group, kind, preferred)
            if found is None:
                versions = self._discover_versions(group)
                self._forget(group, versions)
                found = self._find(versions, group, kind, preferred)
        if found is None:
            raise self._unserved(f"{kind}{f' ({group})' if group else ''}", group)
        return found

    def _find(self, versions: Sequence[str], group: str, kind: str, preferred: Sequence[str]) -> str | None:
        wanted = [version for version in preferred if version in versions]
        for version in dict.fromkeys([*wanted, *versions]):
            api_version = _api_version(group, version)
            resources = self._resources.get(api_version) or self._discover(api_version)
            if kind in resources:
                return api_version
        return None

    def _forget(self, group: str, versions: Sequence[str]) -> None:
        for version in versions:
            self._resources.pop(_api_version(group, version), None)

    def _discover_versions(self, group: str) -> tuple[str, ...]:
        if not group:
            self._versions[""] = ("v1",)
            return ("v1",)
        answer = self._connection.call("GET", "/apis", subject="discovery") or {}
        for each in answer.get("groups", []):
            first = each.get("preferredVersion", {}).get("version")
            others = [version["version"] for version in each["versions"]]
            self._versions[each["name"]] = tuple(dict.fromkeys([first, *others] if first else others))
        return self._versions.get(group, ())

    def _discover(self, api_version: str) -> dict[str, Resource]:
        answer = self._connection.call("GET", api_path(api_version), subject="discovery") or {}
        resources = {
            each["kind"]: Resource(each["name"], bool(each["namespaced"]))
            for each in answer.get("resources", [])
            if "/" not in each["name"]
        }
        self._resources[api_version] = resources
        return resources

    def _unserved(self, what: str, group: str) -> InvalidInput:
        return InvalidInput(
            f"{self._connection.neighbour} does not serve {what}", mend=MENDS.get(group, DEFAULT_MEND)
        )


def _api_version(group: str, version: str) -> str:
    return f"{group}/{version}" if group else version


def api_path(api_version: str) -> str:
    """ "v1" -> /api/v1, "apps/v1" -> /apis/apps/v1."""
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
