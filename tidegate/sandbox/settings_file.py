"""The files that point `worker.py`, `starter.py`, `kubectl` and `temporal` at the sandbox."""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

Section = Mapping[str, str | bool | float]


class Addresses(NamedTuple):
    """Where the sandbox's parts are: API and Prometheus by the clusters' names."""

    clusters: Mapping[str, str]
    kubeconfig: Path
    prometheus: Mapping[str, str]
    egress: str
    git_cache: Path


def settings(addresses: Addresses) -> dict[str, Section]:
    """The sections of `tidegate.toml`, by their names."""
    clusters = {f"clusters.{name}": _cluster(name, addresses) for name in addresses.clusters}
    return clusters | {
        "mesh": {"control_plane": "asm"},
        "load": {"cluster": "mesh01", "mode": "native", "proxy": addresses.egress},
        "git": {"cache": str(addresses.git_cache)},
        # Envoy has a new route within five milliseconds here, and pods go on serving for three seconds after
        # they were told to end.
        "release": {"drain_seconds": 0.1},
    }


def write_settings(path: Path, addresses: Addresses) -> None:
    """Write `tidegate.toml`."""
    lines = ["# Written by the sandbox, for as long as it is up."]
    for name, section in settings(addresses).items():
        # JSON's strings, numbers and booleans are TOML's too.
        lines += ["", f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in section.items())]
    path.write_text("\n".join(lines) + "\n")


def write_environment(path: Path, environment: Mapping[str, str], programs: Path) -> None:
    """Write a file for the shell's `source`; what is in the folder `programs` will be found by its name."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    lines.append(f'export PATH={shlex.quote(str(programs))}:"$PATH"')
    path.write_text("\n".join(lines) + "\n")


def write_temporal(path: Path, address: str, namespace: str) -> None:
    """Write a profile that Temporal's clients and CLI read (TEMPORAL_CONFIG_FILE)."""
    lines = ["[profile.default]", f"address = {json.dumps(address)}", f"namespace = {json.dumps(namespace)}"]
    path.write_text("\n".join(lines) + "\n")


def _cluster(name: str, addresses: Addresses) -> Section:
    section: Section = {
        "kubeconfig": str(addresses.kubeconfig),
        "context": name,
        "server": addresses.clusters[name],
        "service_proxy": True,
    }
    return section if name == "asm" else {**section, "prometheus": addresses.prometheus[name]}
