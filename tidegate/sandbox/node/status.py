"""A pod's status, from what its containers are doing. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tidegate.sandbox.addresses import cluster_address
from tidegate.sandbox.client import Object


def moment() -> str:
    """Now, in the API's form."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def waiting(reason: str, message: str = "") -> Object:
    """The state of a container that does not run yet, or not again."""
    details = {"reason": reason, "message": message}
    return {"waiting": {name: text for name, text in details.items() if text}}


@dataclass
class ContainerState:
    """What is known of one container; its runner changes it as things happen."""

    name: str
    image: str
    state: Object = field(default_factory=lambda: waiting("ContainerCreating"))
    last_state: Object = field(default_factory=dict)
    container_id: str = ""
    restarts: int = 0
    ready: bool = False
    started: bool = False
    finished: bool = False

    def run(self, container_id: str) -> None:
        """It runs."""
        self.container_id = container_id
        self.state = {"running": {"startedAt": moment()}}

    def wait(self, reason: str, message: str) -> None:
        """It does not run, for that reason."""
        self.state = waiting(reason, message)
        self.ready = self.started = False

    def end(self, code: int, reason: str = "", message: str = "") -> None:
        """Its process has exited with the code, or could not be started for the reason."""
        running = self.state.get("running") or {}
        terminated: Object = {
            "exitCode": code,
            "reason": reason or ("Completed" if code == 0 else "Error"),
            "startedAt": running.get("startedAt", moment()),
            "finishedAt": moment(),
            "containerID": self.container_id,
        }
        if message:
            terminated["message"] = message
        self.state = {"terminated": terminated}
        self.ready = self.started = False

    def restart(self) -> None:
        """Its end becomes history."""
        if "terminated" in self.state:
            self.last_state = self.state
        self.restarts += 1

    def report(self) -> Object:
        """Its entry in the pod's containerStatuses."""
        return {
            "name": self.name,
            "image": self.image,
            "imageID": self.image if self.container_id else "",
            "containerID": self.container_id,
            "state": self.state,
            "lastState": self.last_state,
            "ready": self.ready,
            "started": self.started,
            "restartCount": self.restarts,
        }


def pod_status(
    pod: Object,
    containers: Sequence[ContainerState],
    init_containers: Sequence[ContainerState],
    address: str | None,
    known: Object,
) -> Object:
    """The status to report, keeping the transition times of `known`, the one reported before."""
    all_ready = all(container.ready for container in containers)
    initialized = all(container.finished for container in init_containers)
    status: Object = {
        "phase": _phase(containers, init_containers),
        "hostIP": "127.0.0.1",
        "startTime": known.get("startTime") or moment(),
        "conditions": [
            _condition(known, "PodScheduled", True),
            _condition(known, "Initialized", initialized, "ContainersNotInitialized"),
            _condition(known, "ContainersReady", all_ready, "ContainersNotReady"),
            _condition(known, "Ready", all_ready, "ContainersNotReady"),
        ],
        "containerStatuses": [container.report() for container in containers],
    }
    if init_containers:
        status["initContainerStatuses"] = [container.report() for container in init_containers]
    if address:
        known_as = cluster_address(address)
        status.update(podIP=known_as, podIPs=[{"ip": known_as}])
    return status


def _phase(containers: Sequence[ContainerState], init_containers: Sequence[ContainerState]) -> str:
    if all(container.finished for container in containers):
        codes = [container.state.get("terminated", {}).get("exitCode", 0) for container in containers]
        return "Failed" if any(codes) else "Succeeded"
    if any(container.finished and _failed(container) for container in init_containers):
        return "Failed"
    begun = all(container.container_id for container in containers)
    return "Running" if begun else "Pending"


def _failed(container: ContainerState) -> bool:
    return int(container.state.get("terminated", {}).get("exitCode", 0)) != 0


def _condition(known: Object, kind: str, holds: bool, reason: str = "") -> Object:
    before = next((entry for entry in known.get("conditions") or [] if entry["type"] == kind), None)
    status = str(holds)
    since = before["lastTransitionTime"] if before and before["status"] == status else moment()
    condition = {"type": kind, "status": status, "lastTransitionTime": since}
    return condition if holds or not reason else {**condition, "reason": reason}
