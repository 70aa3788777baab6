"""Posts an alert to a chat, and says in one line why it was not taken."""

import asyncio
import json
from collections.abc import Callable, Mapping

import httpx

from tidegate.adapters.patience import retry_after
from tidegate.adapters.reach import Target, client, read_bounded, shown, why
from tidegate.decisions.alerts import TIMEOUT_SECONDS, Message, endpoint, payload
from tidegate.domain.alert_provider import AlertProviderSpec
from tidegate.domain.errors import AccessDenied, InvalidInput, ReleaseFailed, Unreachable
from tidegate.domain.redaction import path_secrets, redacted, url_secrets

_LONGEST_REASON = 200
_LAST_SUCCESS = 299


async def post_alert(
    provider: AlertProviderSpec,
    secret: Mapping[str, str],
    message: Message,
    target: Callable[[str], Target],
) -> None:
    """Post once. `secret` holds the values of the provider's Secret; `target` may refuse an address.

    Unreachable: try again, nothing was taken. InvalidInput and AccessDenied: the chat refuses. ReleaseFailed:
    it may have been taken, or not; a second post might be a second alert.
    """
    address = secret.get("address") or provider.address
    if not address:
        raise InvalidInput("has no address", field="spec.secretRef", mend="add the key address to the Secret")
    url, token = endpoint(provider, address), secret.get("token", "")
    chat = f"{provider.type} {shown(address)}"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    way = target(url)
    hidden = (*secret.values(), *url_secrets(address), *path_secrets(address))
    try:
        async with (
            asyncio.timeout(TIMEOUT_SECONDS),
            client(way, TIMEOUT_SECONDS, proxy=provider.proxy) as http,
            http.stream(
                "POST", way.url, json=payload(provider, address, message), headers=headers
            ) as response,
        ):
            body = await read_bounded(response)
            _accept(chat, response, body, hidden)
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise Unreachable(chat, redacted(why(error), hidden)) from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise ReleaseFailed(f"{chat} may not have taken it: {redacted(why(error), hidden)}") from None


def _accept(chat: str, response: httpx.Response, body: bytes, secrets: tuple[str, ...]) -> None:
    """Slack's API answers 200 to what it refuses, and says so in the body."""
    told = redacted(" ".join(body.decode("utf-8", "replace").split()), secrets)[:_LONGEST_REASON]
    status = f"answered {response.status_code}{f': {told}' if told else ''}"
    if response.status_code in (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE):
        raise Unreachable(chat, status, retry_after(response.headers.get("Retry-After")))
    if response.status_code >= 500:
        raise ReleaseFailed(f"{chat} may not have taken it: it {status}")
    if response.status_code in (401, 403):
        raise AccessDenied(chat, status)
    if response.status_code > _LAST_SUCCESS or _is_refusal(body):
        raise InvalidInput(f"{chat} {status}", mend="correct the AlertProvider's address, channel or token")


def _is_refusal(body: bytes) -> bool:
    try:
        said = json.loads(body)
    except ValueError:
        return False
    return isinstance(said, dict) and said.get("ok") is False
