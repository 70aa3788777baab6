"""The clusters that the settings name, connected on first use."""

import threading

from tidegate.adapters.kubernetes.cluster import Cluster
from tidegate.adapters.kubernetes.connection import Connection
from tidegate.domain.errors import InvalidInput
from tidegate.settings.model import Settings, SettingsError


class Clusters:
    """Shared by all activities of a worker, from any thread. Close it at the end."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clusters: dict[str, Cluster] = {}
        self._lock = threading.Lock()

    def cluster(self, name: str) -> Cluster:
        """The cluster of that name in the settings; InvalidInput when it or its kubeconfig is not there."""
        with self._lock:
            if name not in self._clusters:
                self._clusters[name] = self._connect(name)
            return self._clusters[name]

    def close(self) -> None:
        """Close all idle connections."""
        with self._lock:
            for cluster in self._clusters.values():
                cluster.close()
            self._clusters.clear()

    def _connect(self, name: str) -> Cluster:
        try:
            settings = self._settings.cluster(name)
        except SettingsError as error:
            raise InvalidInput(error.mend, file=error.file, field=error.field) from None
        # A watch holds its connection while other calls of the same activity go on.
        pool_size = 2 * self._settings.worker.max_concurrent_activities
        return Cluster(Connection(name, settings, pool_size))
