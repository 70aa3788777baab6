"""What a chat is told, in the shape that it wants. The text comes first; facts follow in their order."""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from tidegate.domain.alert_provider import AlertProvider, AlertProviderSpec, Fact, Severity
from tidegate.domain.analysis import Alert
from tidegate.domain.base import Model
from tidegate.domain.canary import Canary
from tidegate.domain.errors import InvalidInput

Json = dict[str, Any]

TIMEOUT_SECONDS = 5.0
PAUSES = (1.0, 3.0)
"""Seconds between the attempts at one post."""

LONGEST_SECONDS = TIMEOUT_SECONDS * (len(PAUSES) + 1) + sum(PAUSES)
"""What one alert may take when nobody answers."""

_COLOURS = {Severity.INFO: "good", Severity.WARN: "warning", Severity.ERROR: "danger"}
_HEX = {Severity.INFO: "2EB886", Severity.WARN: "DAA038", Severity.ERROR: "A30200"}
_CARD_COLOURS = {Severity.INFO: "Good", Severity.WARN: "Warning", Severity.ERROR: "Attention"}
_CONNECTORS = ".webhook.office.com"
"""Hosts of Teams' older connectors, which know message cards; workflows know adaptive cards."""

ProviderOf = Callable[[Alert], AlertProvider | None]
"""Finds the AlertProvider of an alert; None when there is none."""


class Message(Model):
    """One alert. `title` names the canary, `link` leads to the run, where the settings know the UI."""

    title: str
    text: str
    severity: Severity
    facts: tuple[Fact, ...] = ()
    link: str = ""


def wanted_provider(canary: Canary, provider_of: ProviderOf, alert: Alert) -> AlertProvider:
    """Whom to tell. InvalidInput when the provider is nowhere."""
    found, ref = provider_of(alert), alert.provider_ref
    if found is None:
        raise InvalidInput(
            f"no AlertProvider {ref.namespace or canary.namespace}/{ref.name} among the manifests, "
            "nor in the cluster",
            field=f"spec.analysis.alerts.{canary.spec.analysis.alerts.index(alert)}.providerRef.name",
            mend="add it to the application's path, or correct the reference",
        )
    return found


def payload(provider: AlertProviderSpec, address: str, message: Message) -> Json:
    """The body to post. Discord's and Rocket's are Slack's, which both take."""
    if provider.type == "gchat":
        return {"text": _plain(message)}
    if provider.type == "msteams":
        return _message_card(message) if _is_connector(address) else _adaptive_card(message)
    return _slack(provider, message)


def endpoint(provider: AlertProviderSpec, address: str) -> str:
    """Where to post. Discord takes Slack's messages below its own address."""
    if provider.type == "discord" and not urlsplit(address).path.rstrip("/").endswith("/slack"):
        parts = urlsplit(address)
        return parts._replace(path=f"{parts.path.rstrip('/')}/slack").geturl()
    return address


def _slack(provider: AlertProviderSpec, message: Message) -> Json:
    shown = [Fact(name=_escaped(fact.name), value=_escaped(fact.value)) for fact in message.facts]
    text = _escaped(message.text)
    fields = [{"title": fact.name, "value": fact.value, "short": len(fact.value) < 30} for fact in shown]
    attachment: Json = {
        "color": _COLOURS[message.severity],
        "author_name": message.title,
        "text": text,
        "fallback": f"{message.title}: {text}",
        "mrkdwn_in": ["text"],
        "fields": fields,
    }
    if message.link:
        attachment["title"], attachment["title_link"] = "Run in Temporal", message.link
    return {"channel": provider.channel, "username": provider.username, "attachments": [attachment]}


def _message_card(message: Message) -> Json:
    card: Json = {
        "@type": "MessageCard",
        "@context": "https://schema.org/extensions",
        "themeColor": _HEX[message.severity],
        "summary": f"{message.title}: {message.text}",
        "sections": [
            {
                "activityTitle": message.text,
                "activitySubtitle": message.title,
                "facts": [fact.model_dump() for fact in message.facts],
            }
        ],
    }
    if message.link:
        target = {"os": "default", "uri": message.link}
        card["potentialAction"] = [{"@type": "OpenUri", "name": "Run in Temporal", "targets": [target]}]
    return card


def _adaptive_card(message: Message) -> Json:
    body: list[Json] = [
        {"type": "TextBlock", "text": message.title, "weight": "Bolder", "size": "Medium", "wrap": True},
        {"type": "TextBlock", "text": message.text, "color": _CARD_COLOURS[message.severity], "wrap": True},
        {"type": "FactSet", "facts": [{"title": fact.name, "value": fact.value} for fact in message.facts]},
    ]
    content: Json = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    }
    if message.link:
        content["actions"] = [{"type": "Action.OpenUrl", "title": "Run in Temporal", "url": message.link}]
    kind = "application/vnd.microsoft.card.adaptive"
    return {"type": "message", "attachments": [{"contentType": kind, "contentUrl": None, "content": content}]}


def _is_connector(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    return host.endswith(_CONNECTORS) or host == "outlook.office.com"


def _plain(message: Message) -> str:
    lines = [f"*{message.title}*", *map(_escaped, (message.text, *_lines(message.facts)))]
    return "\n".join([*lines, f"<{message.link}|Run in Temporal>"] if message.link else lines)


def _escaped(text: str) -> str:
    """Slack's and Google's own marks, taken literally: a number that is < another is no link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _lines(facts: Sequence[Fact]) -> list[str]:
    return [f"{fact.name}: {fact.value}" for fact in facts]
