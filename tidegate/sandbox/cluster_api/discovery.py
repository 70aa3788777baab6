"""Discovery: which groups, versions and resources there are, and what version the server claims to be."""

from __future__ import annotations

from tidegate.sandbox.cluster_api.crds import version_rank
from tidegate.sandbox.cluster_api.kinds import Catalog, Kind
from tidegate.sandbox.cluster_api.objects import Object

VERSION: Object = {
    "major": "1",
    "minor": "33",
    "gitVersion": "v1.33.0",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "2025-04-23T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "linux/amd64",
}


def core_versions(address: str) -> Object:
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
    }


def groups(catalog: Catalog) -> Object:
    names = dict.fromkeys(kind.group for kind in catalog if kind.group)
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(catalog, name) for name in names]}


def group(catalog: Catalog, name: str) -> Object | None:
    if not any(kind.group == name for kind in catalog):
        return None
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(catalog, name)}


def _group(catalog: Catalog, name: str) -> Object:
    found = {kind.version for kind in catalog if kind.group == name}
    versions = [
        {"groupVersion": f"{name}/{version}", "version": version}
        for version in sorted(found, key=version_rank)
    ]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def resources(catalog: Catalog, name: str, version: str) -> Object | None:
    """The APIResourceList of one group version; None when it is not served."""
    kinds = [kind for kind in catalog if (kind.group, kind.version) == (name, version)]
    if not kinds:
        return None
    entries = [entry for kind in kinds for entry in _entries(kind)]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": kinds[0].api_version,
        "resources": entries,
    }


def group_versions(catalog: Catalog) -> list[tuple[str, str]]:
    return sorted({(kind.group, kind.version) for kind in catalog})


def _entries(kind: Kind) -> list[Object]:
    entry: Object = {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": list(kind.verbs),
    }
    if kind.short:
        entry["shortNames"] = list(kind.short)
    if kind.categories:
        entry["categories"] = list(kind.categories)
    return [entry, *(_subresource(kind, name) for name in kind.subresources())]


def _subresource(kind: Kind, name: str) -> Object:
    entry: Object = {
        "name": f"{kind.plural}/{name}",
        "singularName": "",
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": ["get", "patch", "update"],
    }
    if name == "scale":
        entry.update(group="autoscaling", version="v1", kind="Scale")
    elif name == "proxy":
        entry.update(kind="ServiceProxyOptions", verbs=["create", "delete", "get", "patch", "update"])
    elif name == "finalize":
        entry["verbs"] = ["update"]
    return entry
