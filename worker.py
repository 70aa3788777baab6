"""The worker: settings, clients, Worker, until SIGTERM; nothing else."""

import asyncio
import contextlib
import logging
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.envconfig import ClientConfig
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.service import RPCError
from temporalio.worker import (
    PollerBehaviorAutoscaling,
    UnsandboxedWorkflowRunner,
    WorkerDeploymentConfig,
)

from activities.catalogue import all_activities
from tidegate.adapters.health_endpoint import HealthEndpoint
from tidegate.cli.payloads import data_converter
from tidegate.cli.punctual_worker import PunctualWorker
from tidegate.contracts import SEARCH_ATTRIBUTES
from tidegate.settings import Settings, SettingsError, load_settings
from workflows.canary import Canary
from workflows.release import Release

log = logging.getLogger("tidegate.worker")

STICKY_TIMEOUT = timedelta(seconds=2)
"""How long a dead worker's releases stand still before another one takes them over."""


def main() -> int:
    """Run until SIGTERM or SIGINT. 0: stopped gracefully, 2: bad settings, 5: Temporal is out of reach."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        asyncio.run(run(load_settings()))
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except (RPCError, RuntimeError) as error:
        print(f"error: Temporal is out of reach: {error}", file=sys.stderr)
        return 5
    return 0


async def run(settings: Settings) -> None:
    """Poll the task queue until a signal comes, then let running activities end."""
    stopping = _stop_signal()
    client = await _connect(settings)
    searchable = await register_search_attributes(client)
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(settings.worker.max_concurrent_activities))
        async with PunctualWorker(
            client,
            task_queue=settings.worker.task_queue,
            workflows=[Release, Canary],
            deployment_config=deployment(settings),
            activities=all_activities(settings, search_attributes=searchable),
            # Temporal's sandbox loads the workflows' modules for each run anew: more CPU and memory than all
            # else that a release needs. They hold no state, and the tests run and replay them in the sandbox.
            workflow_runner=UnsandboxedWorkflowRunner(),
            activity_executor=pool,
            max_concurrent_activities=settings.worker.max_concurrent_activities,
            max_concurrent_workflow_tasks=settings.worker.max_concurrent_workflow_tasks,
            max_cached_workflows=settings.worker.max_cached_workflows,
            workflow_task_poller_behavior=_pollers(settings, 2),
            # A worker that hangs swallows one activity for each poll that it left open.
            activity_task_poller_behavior=_pollers(settings, 1),
            graceful_shutdown_timeout=timedelta(seconds=settings.worker.graceful_shutdown_seconds),
            sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
        ):
            if settings.worker.health_address:
                endpoint = HealthEndpoint(settings.worker.health_address, lambda: not stopping.is_set())
                stack.enter_context(endpoint)
            log.info("polling task queue %s of %s", settings.worker.task_queue, client.namespace)
            await stopping.wait()
            log.info("stopping: running activities get %gs", settings.worker.graceful_shutdown_seconds)


def _pollers(settings: Settings, least: int) -> PollerBehaviorAutoscaling:
    return PollerBehaviorAutoscaling(minimum=least, initial=least, maximum=settings.worker.max_pollers)


async def register_search_attributes(client: Client) -> bool:
    """Make Tidegate's search attributes known where we may; whether Temporal knows them all afterwards."""
    missing = set(SEARCH_ATTRIBUTES)
    keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
    operator = client.operator_service
    with contextlib.suppress(RPCError):
        known = await operator.list_search_attributes(ListSearchAttributesRequest(namespace=client.namespace))
        missing -= set(known.custom_attributes)
        if missing:
            await operator.add_search_attributes(
                AddSearchAttributesRequest(
                    namespace=client.namespace, search_attributes=dict.fromkeys(sorted(missing), keyword)
                )
            )
            missing = set()
    if missing:
        log.warning("releases are not searchable: Temporal does not know %s", ", ".join(sorted(missing)))
    return not missing


async def _connect(settings: Settings) -> Client:
    runtime = None
    if settings.worker.metrics_address:
        metrics = PrometheusConfig(bind_address=settings.worker.metrics_address)
        runtime = Runtime(telemetry=TelemetryConfig(metrics=metrics))
    return await Client.connect(
        **ClientConfig.load_client_connect_config(),
        data_converter=data_converter(settings),
        runtime=runtime,
    )


def deployment(settings: Settings) -> WorkerDeploymentConfig | None:
    """Versioning, when it is on. Pinned: a release's workflows end on the code that began them."""
    name, build = settings.worker.deployment_name, settings.worker.build_id
    if not name:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(deployment_name=name, build_id=build),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )


def _stop_signal() -> asyncio.Event:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    return stopping


if __name__ == "__main__":
    sys.exit(main())
