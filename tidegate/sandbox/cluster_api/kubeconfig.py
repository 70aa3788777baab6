"""Kubeconfigs for clusters that listen on loopback."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import yaml

from tidegate.sandbox.cluster_api.objects import Object


class Cluster(Protocol):
    """What a kubeconfig tells of a cluster."""

    @property
    def name(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def token(self) -> str | None: ...
    @property
    def certificate_authority(self) -> str | None: ...


def kubeconfig(clusters: Iterable[Cluster]) -> Object:
    """One context for each cluster, named after it; the first one is current."""
    known = list(clusters)
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "preferences": {},
        "clusters": [{"name": c.name, "cluster": _address(c)} for c in known],
        "users": [{"name": c.name, "user": {"token": c.token} if c.token else {}} for c in known],
        "contexts": [{"name": c.name, "context": {"cluster": c.name, "user": c.name}} for c in known],
        "current-context": known[0].name if known else "",
    }


def _address(cluster: Cluster) -> Object:
    address = {"server": cluster.url}
    if cluster.certificate_authority is not None:
        authority = base64.b64encode(cluster.certificate_authority.encode()).decode()
        address["certificate-authority-data"] = authority
    return address


def write_kubeconfig(path: Path | str, apis: Iterable[Cluster]) -> Path:
    """Write the clusters' kubeconfig, readable by its owner only; returns its path."""
    target = Path(path)
    target.touch(mode=0o600)
    target.write_text(yaml.safe_dump(kubeconfig(apis), sort_keys=False))
    return target
