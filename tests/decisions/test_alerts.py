"""What a chat is told, as it wants to be told."""

from typing import Any

import pytest

from tidegate.decisions.alerts import Message, endpoint, payload
from tidegate.domain.alert_provider import AlertProvider, AlertProviderSpec, Fact, Severity
from tidegate.domain.errors import InvalidInput

MESSAGE = Message(
    title="podinfo.test",
    text="Canary analysis failed",
    severity=Severity.ERROR,
    facts=(Fact(name="Revision", value="0c62d7c"), Fact(name="Weight", value="20 %")),
    link="http://temporal.test/run",
)


def spec(type_: str, **changes: Any) -> AlertProviderSpec:
    return AlertProviderSpec.parse({"type": type_, "address": "https://chat.test/hook", **changes})


@pytest.mark.parametrize("type_", ["slack", "discord", "rocket"])
def test_slack_and_those_that_speak_like_it_get_an_attachment(type_: str) -> None:
    body = payload(spec(type_, channel="releases", username="gate"), "https://chat.test/hook", MESSAGE)
    (attachment,) = body.pop("attachments")
    assert body == {"channel": "releases", "username": "gate"}
    assert (attachment["author_name"], attachment["text"]) == ("podinfo.test", "Canary analysis failed")
    assert (attachment["color"], attachment["title_link"]) == ("danger", "http://temporal.test/run")
    assert [(field["title"], field["value"]) for field in attachment["fields"]] == [
        ("Revision", "0c62d7c"),
        ("Weight", "20 %"),
    ]


def test_discord_takes_slacks_messages_below_its_address() -> None:
    discord = spec("discord")
    assert (
        endpoint(discord, "https://discord.test/api/1/x?wait=1")
        == "https://discord.test/api/1/x/slack?wait=1"
    )
    assert endpoint(discord, "https://discord.test/api/1/x/slack") == "https://discord.test/api/1/x/slack"
    assert endpoint(spec("slack"), "https://slack.test/x") == "https://slack.test/x"


@pytest.mark.parametrize(
    "address", ["https://tenant.webhook.office.com/x", "https://outlook.office.com/webhook/x"]
)
def test_a_teams_connector_gets_a_message_card(address: str) -> None:
    card = payload(spec("msteams"), address, MESSAGE)
    assert (card["@type"], card["themeColor"]) == ("MessageCard", "A30200")
    (section,) = card["sections"]
    assert section["facts"] == [
        {"name": "Revision", "value": "0c62d7c"},
        {"name": "Weight", "value": "20 %"},
    ]
    assert card["potentialAction"][0]["targets"][0]["uri"] == "http://temporal.test/run"


def test_a_teams_workflow_gets_an_adaptive_card() -> None:
    body = payload(spec("msteams"), "https://prod.logic.azure.test/x", MESSAGE)
    content = body["attachments"][0]["content"]
    assert (content["type"], content["body"][1]["color"]) == ("AdaptiveCard", "Attention")
    assert content["body"][2]["facts"][0] == {"title": "Revision", "value": "0c62d7c"}
    assert content["actions"][0]["url"] == "http://temporal.test/run"


def test_google_chat_gets_plain_lines() -> None:
    assert payload(spec("gchat"), "", MESSAGE) == {
        "text": "*podinfo.test*\nCanary analysis failed\nRevision: 0c62d7c\nWeight: 20 %\n"
        "<http://temporal.test/run|Run in Temporal>"
    }


@pytest.mark.parametrize("type_", ["slack", "msteams", "gchat"])
def test_without_a_link_nothing_leads_nowhere(type_: str) -> None:
    told = str(payload(spec(type_), "https://chat.test", MESSAGE.model_copy(update={"link": ""})))
    assert "Run in Temporal" not in told


@pytest.mark.parametrize(
    ("wanted", "reached"),
    [
        (Severity.INFO, [True, True, True]),
        (Severity.WARN, [False, True, True]),
        (Severity.ERROR, [False, False, True]),
    ],
)
def test_who_wants_a_severity_gets_it_and_what_is_worse(wanted: Severity, reached: list[bool]) -> None:
    assert [severity.reaches(wanted) for severity in Severity] == reached


def test_a_provider_without_an_address_is_refused() -> None:
    manifest = {"metadata": {"name": "on-call"}, "spec": {"type": "slack"}}
    with pytest.raises(InvalidInput, match=r"spec: has no address; give address, or secretRef"):
        AlertProvider.parse(manifest)
