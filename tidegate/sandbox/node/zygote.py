"""The process that containers are forked from, within milliseconds: everything they need is imported.

Run as `python -m tidegate.sandbox.node.zygote <socket fd> <parent pid> <module>...`. It reads one JSON
request a line from the socket and answers in the same way:

    {"op": "start", "id", "module", "arguments", "environment", "address", "tag", "log"}
        -> {"event": "started", "id", "pid"}, and at its end {"event": "exited", "id", "code"}
    {"op": "signal", "id", "signal"}

A container is a process group of its own. Nothing outlives the zygote, and the zygote does not outlive
its parent: the kernel kills both with their parents, whatever ended those. Signals go through here,
since only the parent of a process can be sure that its pid still means the same process.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from typing import Any, NoReturn

from tidegate.sandbox.images.container import Container

PR_SET_PDEATHSIG = 1
CRASHED = 1

HELD_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Blocked here, so that one sent to a container that is only being forked waits instead of getting lost."""


def main(arguments: list[str]) -> int:
    """Serve requests until the socket closes, then kill what is left."""
    descriptor, parent = int(arguments[0]), int(arguments[1])
    die_with_parent(parent)
    for module in arguments[2:]:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()
    signal.pthread_sigmask(signal.SIG_BLOCK, HELD_SIGNALS)
    with socket.socket(fileno=descriptor) as channel:
        Zygote(channel).serve()
    return 0


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends; at once when that has happened already.

    The kernel means the parent's thread that started it: that has to live as long as the node does.
    """
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(CRASHED)


class Zygote:
    """Forks containers, signals them and reports their ends."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._pids: dict[str, int] = {}
        self._pending = b""

    def serve(self) -> None:
        """Until the other end of the channel closes."""
        wakeup, waker = socket.socketpair()
        waker.setblocking(False)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        with selectors.DefaultSelector() as selector, wakeup, waker:
            selector.register(self._channel, selectors.EVENT_READ)
            selector.register(wakeup, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if wakeup in ready:
                    wakeup.recv(4096)
                    self._reap()
                if self._channel in ready and not self._read():
                    break
        self._kill_all()

    def _read(self) -> bool:
        data = self._channel.recv(1 << 16)
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))
        return bool(data)

    def _obey(self, request: dict[str, Any]) -> None:
        if request["op"] == "start":
            self._start(request)
        elif request["id"] in self._pids:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._pids[request["id"]], request["signal"])

    def _start(self, request: dict[str, Any]) -> None:
        zygote = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._channel.close()
            become_container(request, zygote)
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        self._pids[request["id"]] = pid
        self._send({"event": "started", "id": request["id"], "pid": pid})

    def _reap(self) -> None:
        for identity, pid in list(self._pids.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                del self._pids[identity]
                self._send({"event": "exited", "id": identity, "code": exit_code(status)})

    def _send(self, event: dict[str, Any]) -> None:
        self._channel.sendall(json.dumps(event).encode() + b"\n")

    def _kill_all(self) -> None:
        for pid in self._pids.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)


def exit_code(status: int) -> int:
    """A container's exit code: 128 + n when signal n ended it."""
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def become_container(request: dict[str, Any], zygote: int) -> NoReturn:
    """Turn this fresh fork into the container; never returns."""
    code = CRASHED
    try:
        os.setpgid(0, 0)
        die_with_parent(zygote)
        _reset_signals()
        _redirect_output(request["log"])
        os.environ.clear()
        os.environ.update(request["environment"])
        container = Container(
            tuple(request["arguments"]), request["environment"], request["address"], request["tag"]
        )
        code = importlib.import_module(request["module"]).run(container)
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else CRASHED
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _reset_signals() -> None:
    signal.set_wakeup_fd(-1)
    for signum in (*HELD_SIGNALS, signal.SIGCHLD):
        signal.signal(signum, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_SIGNALS)


def _redirect_output(path: str) -> None:
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.closerange(3, 256)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
