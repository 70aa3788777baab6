"""A canary's webhooks: how long they may take, which of them native load replaces, and whether it can."""

from collections.abc import Iterator
from itertools import takewhile
from urllib.parse import urlsplit

from tidegate.decisions.hey import FIELD, HeyCommand, is_hey, parse_hey
from tidegate.domain.analysis import Webhook
from tidegate.domain.canary import Canary
from tidegate.domain.errors import InvalidInput
from tidegate.domain.hook import HookType

NATIVE = "native"
"""The value of `load.mode` that lets the worker send the load."""

FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS = 0.5, 5.0


def pauses() -> Iterator[float]:
    """Seconds between a hook's attempts: each pause is twice the one before, up to the last."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        yield pause
        pause = min(2 * pause, LAST_PAUSE_SECONDS)


def longest_seconds(hook: Webhook) -> float:
    """What a hook may take when none of its attempts succeeds and each uses up its timeout."""
    rising = list(takewhile(lambda pause: pause < LAST_PAUSE_SECONDS, pauses()))
    pausing = sum(rising[: hook.retries]) + LAST_PAUSE_SECONDS * max(0, hook.retries - len(rising))
    return hook.timeout * (hook.retries + 1) + pausing


def is_native_load(hook: Webhook, mode: str) -> bool:
    """Whether the worker sends this hook's load itself; every other hook is posted."""
    return (
        mode == NATIVE
        and hook.type is HookType.ROLLOUT
        and hook.metadata.get("type", "") in ("", "cmd")
        and is_hey(hook.metadata.get("cmd", ""))
    )


def native_load(hook: Webhook, namespace: str) -> HeyCommand:
    """The load that the hook's command line describes, or InvalidInput.

    A service named without its namespace is the canary's neighbour, as it is for a load tester beside it.
    """
    command = parse_hey(hook.metadata["cmd"])
    return command.model_copy(update={"url": qualified(command.url, namespace)})


def qualified(url: str, namespace: str) -> str:
    """The URL with its host in a namespace, where the host is a bare service name."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if "." in host or ":" in host or host == "localhost":
        return url
    port = f":{parts.port}" if parts.port else ""
    return parts._replace(netloc=f"{host}.{namespace}{port}").geturl()


def check_hooks(canary: Canary, mode: str, proxy: str = "") -> None:
    """Refuse what native load would have to leave out; InvalidInput names the hook's field.

    `mode` and `proxy` are the settings' `load.mode` and `load.proxy`.
    """
    for index, hook in enumerate(canary.spec.analysis.webhooks):
        if is_native_load(hook, mode):
            _check(hook, canary.namespace, proxy, f"spec.analysis.webhooks.{index}")


def _check(hook: Webhook, namespace: str, proxy: str, field: str) -> None:
    try:
        command = native_load(hook, namespace)
    except InvalidInput as error:
        raise InvalidInput(error.problem, field=f"{field}.{error.field}", mend=error.mend) from None
    if proxy and _host_differs(command):
        raise InvalidInput(
            "gives a host other than the URL's, which a proxy has to ignore",
            field=f"{field}.{FIELD}",
            mend="put the host into the URL, or unset load.proxy",
        )


def _host_differs(command: HeyCommand) -> bool:
    """Through an HTTP proxy the URL's host counts, not the header (RFC 9112, 3.2.2); TLS is tunnelled."""
    parts = urlsplit(command.url)
    hosts = [command.host, *(value for name, value in command.headers if name.lower() == "host")]
    return parts.scheme == "http" and any(host and host != parts.netloc for host in hosts)
