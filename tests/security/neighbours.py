"""Neighbours that ask for credentials, and one that fails and says all that it was told."""

import asyncio
import base64
import ssl
from contextlib import AsyncExitStack
from pathlib import Path

from aiohttp import web


class Echo:
    """Answers everything with one status, and repeats the request, as ill proxies do."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.address = ""
        self.asked = 0
        self.told = ""
        """All that it was ever told."""
        self.bodies: list[str] = []
        """What was posted to it, without headers and address."""

    async def start(self, stack: AsyncExitStack) -> "Echo":
        """Listen until the stack ends."""
        self.address = await listen(self._answer, stack)
        return self

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        self.asked += 1
        self.bodies.append(await request.text())
        told = f"{dict(request.headers)} {request.raw_path} {self.bodies[-1]}"
        self.told += told
        said = {"kind": "Status", "status": "error", "message": told, "error": told}
        return web.json_response(said, status=self.status)


class GitServer:
    """Serves repositories by git's plain HTTP protocol over TLS, to those who bring the password."""

    def __init__(self, user: str, password: str, context: ssl.SSLContext) -> None:
        self._wanted = f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
        self._context = context
        self._folders: dict[str, Path] = {}
        self.address = ""

    async def start(self, stack: AsyncExitStack) -> "GitServer":
        """Listen until the stack ends."""
        self.address = await listen(self._answer, stack, self._context)
        return self

    def publish(self, repository: Path) -> str:
        """The URL of a repository's."""
        name = repository.parent.name
        self._folders[name] = repository / ".git"
        return f"{self.address}/{name}"

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        given = request.headers.get("Authorization", "")
        if given != self._wanted:
            challenge = {"WWW-Authenticate": f'Basic realm="you sent {given}"'}
            return web.Response(status=401, text=f"you sent {given}", headers=challenge)
        name, _, path = request.path.lstrip("/").partition("/")
        if path == "info/refs":
            await _update_server_info(self._folders[name])
        file = self._folders[name] / path
        return web.FileResponse(file) if file.is_file() else web.Response(status=404)


async def listen(handler: object, stack: AsyncExitStack, tls: ssl.SSLContext | None = None) -> str:
    """Serve on a free port until the stack ends; the base address."""
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)  # type: ignore[arg-type]
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    return f"http{'s' if tls else ''}://127.0.0.1:{runner.addresses[0][1]}"


async def _update_server_info(folder: Path) -> None:
    child = await asyncio.create_subprocess_exec("git", f"--git-dir={folder}", "update-server-info")
    assert await child.wait() == 0
