"""One container of a pod: pulled, configured, started, probed, started again after a back-off, ended."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from tidegate.sandbox.client import ApiError, ClusterClient, Object
from tidegate.sandbox.images.registry import Image, Known, pull
from tidegate.sandbox.informer import cancel
from tidegate.sandbox.node.environment import ConfigError, container_environment, expand_all
from tidegate.sandbox.node.probes import Probe, listening
from tidegate.sandbox.node.processes import Command, Process, ZygoteClient
from tidegate.sandbox.node.status import ContainerState

log = logging.getLogger(__name__)

FIRST_BACK_OFF_SECONDS = 10.0
LAST_BACK_OFF_SECONDS = 300.0
BACK_OFF_FORGOTTEN_SECONDS = 600.0
"""A container that ran for this long starts again at once, like a new one."""

PROGRAM_NOT_FOUND = 128


class NodeParts(NamedTuple):
    """What a node lends to its containers."""

    client: ClusterClient
    zygote: ZygoteClient
    session: aiohttp.ClientSession
    registry: tuple[Known, ...]
    environment: dict[str, str]


class BackOff:
    """How long to wait before the next start: not at all at first, then 10 s, doubling up to 5 min."""

    def __init__(self) -> None:
        self._next = 0.0

    def after(self, ran_seconds: float) -> float:
        """Seconds to wait after a run of that length."""
        if ran_seconds >= BACK_OFF_FORGOTTEN_SECONDS:
            self._next = 0.0
        delay = self._next
        self._next = min(max(delay * 2, FIRST_BACK_OFF_SECONDS), LAST_BACK_OFF_SECONDS)
        return delay


class ContainerRunner:
    """Runs one container for as long as its pod wants it."""

    def __init__(
        self,
        parts: NodeParts,
        pod: Object,
        spec: Object,
        address: str,
        log_file: Path,
        on_change: Callable[[], None],
        restart_policy: str,
    ) -> None:
        self.state = ContainerState(spec["name"], spec["image"])
        self._parts = parts
        self._pod = pod
        self._spec = spec
        self._address = address
        self._log_file = log_file
        self._on_change = on_change
        self._restart_policy = restart_policy
        self._process: Process | None = None
        self._back_off = BackOff()

    async def run(self) -> int:
        """Run, and run again as the restart policy says; the last exit code once it should not run again."""
        while True:
            image = await self._pull()
            command = await self._configure(image)
            begin = asyncio.get_running_loop().time()
            code = await self._run_once(image, command)
            self._on_change()
            if self._restart_policy == "Never" or (self._restart_policy == "OnFailure" and code == 0):
                self.state.finished = True
                self._on_change()
                return code
            await self._rest(asyncio.get_running_loop().time() - begin)

    async def end(self, grace_seconds: float) -> None:
        """The pod is being deleted: preStop hook, SIGTERM, and SIGKILL after the grace period."""
        if self._process is None:
            return
        begin = asyncio.get_running_loop().time()
        pause = min(_pre_stop_seconds(self._spec), grace_seconds)
        if pause:
            await asyncio.wait([asyncio.ensure_future(self._process.wait())], timeout=pause)
        spent = asyncio.get_running_loop().time() - begin
        code = await self._process.terminate(max(grace_seconds - spent, 0.0))
        self.state.end(code)

    async def _pull(self) -> Image:
        delay = FIRST_BACK_OFF_SECONDS
        while True:
            image = pull(self._spec["image"], self._parts.registry)
            if image is not None:
                return image
            name = self._spec["image"]
            self._wait("ErrImagePull", f'failed to pull image "{name}": the sandbox has no such image')
            await asyncio.sleep(1)
            self._wait("ImagePullBackOff", f'Back-off pulling image "{name}"')
            await asyncio.sleep(delay)
            delay = min(delay * 2, LAST_BACK_OFF_SECONDS)

    async def _configure(self, image: Image) -> Command:
        while True:
            try:
                environment = await container_environment(
                    self._parts.client, self._pod, self._spec, self._address
                )
                break
            except (ConfigError, ApiError) as error:
                self._wait("CreateContainerConfigError", str(error))
                await asyncio.sleep(2)
        environment = {**self._parts.environment, **environment}
        words = [*(self._spec.get("command") or []), *(self._spec.get("args") or [])]
        return Command(
            image.module,
            expand_all(words, environment),
            environment,
            self._address,
            image.tag,
            self._log_file,
        )

    async def _run_once(self, image: Image, command: Command) -> int:
        """Start the program, and see it to its end; its exit code."""
        if self._spec.get("command"):
            program, *arguments = command.arguments
            if program.rpartition("/")[2] not in image.programs:
                message = f'exec: "{program}": executable file not found in the image'
                self.state.end(PROGRAM_NOT_FOUND, "StartError", message)
                return PROGRAM_NOT_FOUND
            command = command._replace(arguments=tuple(arguments))
        code = await self._run_process(command)
        self.state.end(code)
        return code

    async def _run_process(self, command: Command) -> int:
        """Start the process, probe it while it runs; its exit code."""
        process = self._process = self._parts.zygote.run(command)
        pid = await process.started()
        self.state.run(f"sandbox://{self._pod['metadata']['uid']}-{self.state.name}-{pid}")
        self._on_change()
        probing = asyncio.create_task(self._probe(process))
        try:
            return await process.wait()
        finally:
            await cancel(probing)

    async def _probe(self, process: Process) -> None:
        """The startup probe first, then liveness and readiness side by side."""
        startup = self._spec.get("startupProbe")
        if startup:
            await self._pass_startup(startup, process)
        self.state.started = True
        self._on_change()
        work: list[Coroutine[Any, Any, None]] = [self._watch_readiness()]
        if self._spec.get("livenessProbe"):
            work.append(self._watch_liveness(process))
        async with asyncio.TaskGroup() as group:
            for probe in work:
                group.create_task(probe)

    async def _pass_startup(self, spec: Object, process: Process) -> None:
        passed = asyncio.Event()

        async def on_success() -> None:
            passed.set()

        killer = self._killer(process, "startup")
        probing = self._new_probe(spec).run(self._parts.session, on_success, killer)
        task = asyncio.create_task(probing)
        try:
            await passed.wait()
        finally:
            await cancel(task)

    async def _watch_liveness(self, process: Process) -> None:
        async def on_success() -> None:
            return None

        probe = self._new_probe(self._spec["livenessProbe"])
        await probe.run(self._parts.session, on_success, self._killer(process, "liveness"))

    async def _watch_readiness(self) -> None:
        """Without a probe, a container is ready when it listens on its first port, or at once."""
        spec = self._spec.get("readinessProbe")
        if spec:

            async def on_success() -> None:
                self._set_ready(True)

            async def on_failure(_: str) -> None:
                self._set_ready(False)

            await self._new_probe(spec).run(self._parts.session, on_success, on_failure)
        ports = self._spec.get("ports") or []
        if ports:
            await listening(self._address, int(ports[0]["containerPort"]))
        self._set_ready(True)

    def _killer(self, process: Process, kind: str) -> Callable[[str], Coroutine[Any, Any, None]]:
        async def on_failure(reason: str) -> None:
            log.info("container %s: %s probe failed, will be restarted: %s", self.state.name, kind, reason)
            grace = self._pod["spec"].get("terminationGracePeriodSeconds", 30)
            await process.terminate(float(grace))

        return on_failure

    def _new_probe(self, spec: Object) -> Probe:
        return Probe(spec, self._spec, self._address)

    def _set_ready(self, ready: bool) -> None:
        if self.state.ready != ready:
            self.state.ready = ready
            self._on_change()

    async def _rest(self, ran_seconds: float) -> None:
        """Wait out the back-off, then count the restart."""
        delay = self._back_off.after(ran_seconds)
        ended = self.state.state
        if delay:
            self.state.last_state = ended
            self._wait("CrashLoopBackOff", f"back-off {delay:g}s restarting failed container")
            await asyncio.sleep(delay)
        self.state.restart()

    def _wait(self, reason: str, message: str) -> None:
        self.state.wait(reason, message)
        self._on_change()

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.signal(signal.SIGKILL)


def _pre_stop_seconds(spec: Object) -> float:
    """How long the preStop hook takes: its sleep action, or a `sleep` command."""
    hook = (spec.get("lifecycle") or {}).get("preStop") or {}
    if "sleep" in hook:
        return float(hook["sleep"]["seconds"])
    command = (hook.get("exec") or {}).get("command") or []
    is_sleep = len(command) == 2 and command[0].rpartition("/")[2] == "sleep"
    return float(command[1]) if is_sleep and command[1].isdigit() else 0.0
