"""Prometheus, which reads Envoy's statistics and serves them under Istio's metric names and labels.

Only relabelling is at work: the names of Envoy's clusters carry reporter, namespace, workload and service.
"""

import asyncio
from pathlib import Path

import aiohttp
import yaml

from tidegate.sandbox.ports import free_port
from tidegate.sandbox.processes import Processes, answers, find_program

# A rate needs two samples, and canaries in the sandbox are judged by windows of two seconds.
_INTERVAL = "500ms"
_SCRAPING_WITHIN = 20.0
_STATISTICS = "upstream_rq_(time|[1-5][0-9][0-9])$"
_STAT_NAME = r"(source|destination)\|([^|]*)\|([^|]*)\|([^|]*)"
"""A request of the mesh, seen by whoever sends it or by a pod of the workload cluster; with a further part,
that names the cluster, by a pod of another one."""
_STAT_NAME_ELSEWHERE = r"(destination)\|([^|]*)\|([^|]*)\|([^|]*)\|"
_KEPT = r"envoy_cluster_upstream_rq(_time_(bucket|sum|count))?"
_MISSING = (
    "prometheus was not found: install it with `apt-get install prometheus` (Debian, Ubuntu) or from "
    "https://prometheus.io/download/, and have it on PATH or at .tools/usr/bin/prometheus"
)
_TOOLS = Path(__file__).resolve().parents[2] / ".tools" / "usr" / "bin"


class Prometheus:
    """A running Prometheus that scrapes one Envoy twice a second.

    That of a further `cluster` knows what the sidecars of its pods would tell, and nothing else.
    """

    def __init__(self, folder: Path, cluster: str = "") -> None:
        self._folder = folder
        self._cluster = cluster
        self.port = free_port()

    @property
    def url(self) -> str:
        """Where it answers queries."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self, processes: Processes, envoy_admin_port: int) -> None:
        """Start it. Raises FileNotFoundError, with what to do, when there is no Prometheus."""
        program = find_program("prometheus", [_TOOLS])
        if program is None:
            raise FileNotFoundError(_MISSING)
        self._folder.mkdir(parents=True, exist_ok=True)
        config = self._folder / "prometheus.yml"
        config.write_text(yaml.safe_dump(configuration(envoy_admin_port, self._cluster), sort_keys=False))
        argv = [
            str(program),
            f"--config.file={config}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            "--storage.tsdb.retention.time=1d",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=warn",
        ]
        async with aiohttp.ClientSession() as session:
            await processes.start(self._folder.name, argv, answers(session, f"{self.url}/-/ready"))

    async def until_scraping(self) -> None:
        """Wait until Envoy has been scraped. Prometheus takes up its targets five seconds after its start.

        Raises TimeoutError when that does not happen.
        """
        async with asyncio.timeout(_SCRAPING_WITHIN), aiohttp.ClientSession() as session:
            while not await self._is_scraping(session):  # noqa: ASYNC110 - another process sets no event
                await asyncio.sleep(0.05)

    async def _is_scraping(self, session: aiohttp.ClientSession) -> bool:
        async with session.get(f"{self.url}/api/v1/query", params={"query": "up == 1"}) as response:
            return bool((await response.json())["data"]["result"])


def configuration(envoy_admin_port: int, cluster: str = "") -> dict[str, object]:
    """Prometheus' configuration, as its YAML has it."""
    stat_name = _STAT_NAME_ELSEWHERE + cluster if cluster else _STAT_NAME
    return {
        "global": {"scrape_interval": _INTERVAL, "scrape_timeout": _INTERVAL},
        "scrape_configs": [
            {
                "job_name": "envoy",
                "metrics_path": "/stats/prometheus",
                "params": {"usedonly": [""], "filter": [_STATISTICS]},
                "static_configs": [{"targets": [f"127.0.0.1:{envoy_admin_port}"]}],
                "metric_relabel_configs": [
                    {"source_labels": ["__name__"], "regex": _KEPT, "action": "keep"},
                    {"source_labels": ["envoy_cluster_name"], "regex": stat_name, "action": "keep"},
                    *_labels(stat_name),
                    *_names(),
                    {"regex": "envoy_.*", "action": "labeldrop"},
                ],
            }
        ],
    }


def _labels(stat_name: str) -> list[dict[str, object]]:
    parts = {
        "reporter": "$1",
        "destination_workload_namespace": "$2",
        "destination_service_namespace": "$2",
        "destination_workload": "$3",
        "destination_service_name": "$4",
        "destination_service": "$4.$2.svc.cluster.local",
    }
    copied = [_copy("envoy_cluster_name", stat_name, label, value) for label, value in parts.items()]
    code = _copy("envoy_response_code", "(.+)", "response_code", "$1")
    return [*copied, code, {"target_label": "request_protocol", "replacement": "http"}]


def _names() -> list[dict[str, object]]:
    counter = _copy("__name__", "envoy_cluster_upstream_rq", "__name__", "istio_requests_total")
    histogram = _copy(
        "__name__",
        "envoy_cluster_upstream_rq_time_(.*)",
        "__name__",
        "istio_request_duration_milliseconds_$1",
    )
    return [counter, histogram]


def _copy(source: str, pattern: str, target: str, value: str) -> dict[str, object]:
    return {"source_labels": [source], "regex": pattern, "target_label": target, "replacement": value}
