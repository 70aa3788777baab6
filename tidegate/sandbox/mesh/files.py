"""Envoy's configuration files, replaced in an order that never leaves a route without its cluster.

What is new comes first (clusters, listeners), then the routes, and only then goes what the routes
no longer need. Each file is replaced as a whole, by a rename, which is what Envoy watches for.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from tidegate.sandbox.mesh.listeners import Layout
from tidegate.sandbox.mesh.routes import Json
from tidegate.sandbox.mesh.translate import Configuration

Changed = tuple[str, ...]
"""Which of Envoy's subscriptions have got a new file, by the prefix of their statistics."""


class ConfigurationFiles:
    """The files of one Envoy, and what they hold."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._written: dict[Path, str] = {}
        self._clusters: Mapping[str, Json] = {}
        self._listeners: Mapping[str, Json] = {}

    def add(self, configuration: Configuration) -> Changed:
        """Write clusters and listeners: new and changed ones beside those there are.

        The routes of a new listener go first, for Envoy refuses one without them.
        """
        for name in configuration.routes.keys() - self._listeners.keys():
            self._write(self._layout.routes(name), [configuration.routes[name]])
        self._clusters = {**self._clusters, **configuration.clusters}
        self._listeners = {**self._listeners, **configuration.listeners}
        return self._write_both()

    def route(self, configuration: Configuration) -> Changed:
        """Write the routes."""
        return tuple(
            f"http.{name}.rds.{name}"
            for name, routes in configuration.routes.items()
            if self._write(self._layout.routes(name), [routes])
        )

    def remove(self, configuration: Configuration) -> Changed:
        """Take away the clusters and listeners that are no longer there."""
        self._clusters, self._listeners = configuration.clusters, configuration.listeners
        return self._write_both()

    def _write_both(self) -> Changed:
        clusters = self._write(self._layout.clusters, self._clusters.values())
        listeners = self._write(self._layout.listeners, self._listeners.values())
        return ("cluster_manager.cds",) * clusters + ("listener_manager.lds",) * listeners

    def _write(self, path: Path, resources: Iterable[Json]) -> bool:
        text = json.dumps(list(resources), sort_keys=True)
        if self._written.get(path) == text:
            return False
        version = hashlib.sha256(text.encode()).hexdigest()[:12]
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".new")
        beside.write_text(f'{{"version_info": "{version}", "resources": {text}}}')
        beside.rename(path)
        self._written[path] = text
        return True
