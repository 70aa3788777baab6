"""The connection to Temporal: by its own environment and profile, and within a few seconds or not at all."""

import asyncio
import os
import re
import signal
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar
from urllib.parse import quote

from temporalio.client import Client
from temporalio.envconfig import ClientConfig, ClientConnectConfig

from tidegate.cli.exits import GAVE_UP, INVALID, OUT_OF_REACH, CommandFailed
from tidegate.cli.payloads import data_converter
from tidegate.settings import load_settings

CONNECT_SECONDS = 5.0
LAST_WORDS_SECONDS = 1.0
DEFAULT_ADDRESS = "localhost:7233"
UI_VARIABLE = "TEMPORAL_UI_ADDRESS"

LONGEST_REASON = 200
_SYSTEM_WORDS = re.compile(r'kind: \w+, message: "([^"]+)"')

T = TypeVar("T")


def run(work: Callable[[Client], Coroutine[Any, Any, T]], *, interrupted: str = "interrupted") -> T:
    """Connect, do the work, and let Ctrl-C end it with `interrupted` as the last word.

    A call that does not let itself be cancelled is left behind after a second: the process ends anyway.
    """
    runner = asyncio.Runner()
    try:
        result = runner.run(_interruptible(_with_client(work)))
    except _Interrupted:
        raise CommandFailed(interrupted, GAVE_UP) from None
    except BaseException:
        runner.close()
        raise
    runner.close()
    return result


class _Interrupted(Exception):
    """Ctrl-C came before the work's end."""


async def _interruptible(work: Coroutine[Any, Any, T]) -> T:
    interrupt = asyncio.Event()
    if threading.current_thread() is threading.main_thread():
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupt.set)
    working = asyncio.create_task(work)
    waiting = asyncio.create_task(interrupt.wait())
    await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if working.done():
        waiting.cancel()
        return working.result()
    working.cancel()
    await asyncio.wait({working}, timeout=LAST_WORDS_SECONDS)
    raise _Interrupted


async def _with_client(work: Callable[[Client], Coroutine[Any, Any, T]]) -> T:
    return await work(await connect())


async def connect() -> Client:
    """A client of Temporal as TEMPORAL_* and temporal.toml describe it; CommandFailed when there is none.

    It encrypts as the settings say; SettingsError when they are wrong or a key cannot be read.
    """
    config = _connect_config()
    converter = data_converter(load_settings())
    address = config.setdefault("target_host", DEFAULT_ADDRESS)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await Client.connect(**config, data_converter=converter)
    except TimeoutError:
        line = f"no answer within {CONNECT_SECONDS:g}s"
    except (RuntimeError, ValueError) as error:
        line = _reason(error)
    raise CommandFailed(
        f"Temporal at {address} is out of reach: {line}; check TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and "
        "TEMPORAL_PROFILE",
        OUT_OF_REACH,
    )


def ui_link(client: Client, workflow_id: str, run_id: str) -> str:
    """Where people read the run; empty when the UI's address is not known."""
    base = os.environ.get(UI_VARIABLE, "").rstrip("/")
    if not base:
        return ""
    return f"{base}/namespaces/{client.namespace}/workflows/{quote(workflow_id, safe='')}/{run_id}"


def _connect_config() -> ClientConnectConfig:
    try:
        return ClientConfig.load_client_connect_config()
    except (RuntimeError, ValueError, OSError) as error:
        raise CommandFailed(f"Temporal's configuration: {_reason(error)}", INVALID) from None


def _reason(error: Exception) -> str:
    """One short line: the system's own words where the SDK buried them in a chain of its own."""
    text = " ".join(str(error).split())
    if "dns error" in text:
        return "failed to look up the address"
    system = _SYSTEM_WORDS.search(text)
    return system[1] if system else text[:LONGEST_REASON]
