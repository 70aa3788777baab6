"""The servers that answer checks: one file for each provider, all of one method, query -> Sample."""

from tidegate.adapters.metrics.servers import Clusters, Servers
from tidegate.adapters.metrics.source import MetricsServer

__all__ = ["Clusters", "MetricsServer", "Servers"]
