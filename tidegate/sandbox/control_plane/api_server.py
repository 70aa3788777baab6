"""A real kube-apiserver for one cluster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import aiohttp

from tidegate.sandbox.control_plane.certificates import Certificates
from tidegate.sandbox.control_plane.cluster import Cluster
from tidegate.sandbox.control_plane.egress import SOCKET
from tidegate.sandbox.ports import free_port
from tidegate.sandbox.processes import Processes, answers

HOST = "127.0.0.1"
_READY_WITHIN = 60.0
_ISSUER = "https://kubernetes.default.svc"
_SERVICE_NETWORK = "10.96.0.0/16"


class Premises(NamedTuple):
    """What the API servers of one sandbox share. `folder` has the egress' socket, and gets their files."""

    program: Path
    etcd_url: str
    certificates: Certificates
    tokens: Path
    folder: Path
    service_accounts: bool
    audited: tuple[str, ...]


async def serve(name: str, premises: Premises, token: str, processes: Processes) -> Cluster:
    """Start the API server of a cluster and wait until it is ready; the cluster as the token's owner sees it.

    Raises ProcessError when it does not come up.
    """
    port = free_port(HOST)
    cluster = Cluster(name, f"https://{HOST}:{port}", token, premises.certificates.authority)
    connector = aiohttp.TCPConnector(ssl=cluster.tls() or True)
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        await processes.start(
            f"kube-apiserver-{name}",
            [str(premises.program), *_arguments(name, premises, port)],
            answers(session, f"{cluster.url}/readyz"),
            cwd=premises.folder,  # the egress' socket is named relative to it
            within=_READY_WITHIN,
        )
    return cluster


def write_egress_selection(folder: Path) -> None:
    """Write the configuration that sends calls to pods and services through the socket in the folder."""
    connection = {"proxyProtocol": "HTTPConnect", "transport": {"uds": {"udsName": SOCKET}}}
    selection = {
        "apiVersion": "apiserver.k8s.io/v1beta1",
        "kind": "EgressSelectorConfiguration",
        "egressSelections": [{"name": "cluster", "connection": connection}],
    }
    (folder / _EGRESS).write_text(json.dumps(selection))


def write_audit_policy(folder: Path, users: tuple[str, ...]) -> None:
    """Write the policy that records the requests of these users, and no others."""
    rules = [{"level": "Metadata", "users": list(users)}, {"level": "None"}]
    policy = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": rules,
    }
    (folder / _AUDIT).write_text(json.dumps(policy))


def audit_log(folder: Path, name: str) -> Path:
    """Where the audited users' requests to a cluster are recorded, one JSON document in a line."""
    return folder / f"{name}-audit.jsonl"


_EGRESS = "egress.json"
_AUDIT = "audit.json"


def _arguments(name: str, premises: Premises, port: int) -> list[str]:
    certificates = premises.certificates
    options: dict[str, object] = {
        "etcd-servers": premises.etcd_url,
        "etcd-prefix": f"/{name}",
        "bind-address": HOST,
        "advertise-address": HOST,
        "secure-port": port,
        "tls-cert-file": certificates.server,
        "tls-private-key-file": certificates.server_key,
        "token-auth-file": premises.tokens,
        "authorization-mode": "RBAC",
        "service-account-issuer": _ISSUER,
        "service-account-key-file": certificates.signer_key,
        "service-account-signing-key-file": certificates.signer_key,
        "service-cluster-ip-range": _SERVICE_NETWORK,
        "endpoint-reconciler-type": "none",
        "egress-selector-config-file": _EGRESS,
    }
    if not premises.service_accounts:
        options["disable-admission-plugins"] = "ServiceAccount"
    if premises.audited:
        options |= {"audit-policy-file": _AUDIT, "audit-log-path": audit_log(premises.folder, name)}
    return [f"--{option}={value}" for option, value in options.items()]
