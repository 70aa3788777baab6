"""What the hooks of a canary are asked and told, and what they answered."""

from datetime import datetime
from enum import StrEnum

from tidegate.contracts.references import CanaryRef
from tidegate.domain.alert_provider import Fact, Severity
from tidegate.domain.base import Model
from tidegate.domain.hook import HookType
from tidegate.domain.release import Phase


class Consent(StrEnum):
    """What the hooks of a type came to: all agreed, one has not agreed yet, or one never will."""

    AGREED = "agreed"
    LATER = "later"
    NEVER = "never"


class AskCommand(Model):
    """hooks.ask: call the hooks of one type once, in the manifest's order."""

    ref: CanaryRef
    type: HookType
    phase: Phase = Phase.PROGRESSING


class AskReport(Model):
    """`hook` is the one that decided: the first that did not agree, or, of type rollback, that did.

    `reason` is its last answer in one line. `again_seconds` is how long it wants to be left alone;
    `postponed` tells that it said so itself, instead of failing; `muted`, that no chat is to hear of it.
    `agreed` names those that agreed; `warnings` say what is worth a note besides.
    """

    consent: Consent = Consent.AGREED
    hook: str = ""
    reason: str = ""
    again_seconds: float | None = None
    postponed: bool = False
    muted: bool = False
    agreed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class ClosedGate(Model):
    """What holds a canary up: which hook has not agreed, its last answer, and when it is asked again."""

    hook: str
    reason: str
    again_at: datetime


class AlertCommand(Model):
    """alerts.tell: post this to the chats that want the severity."""

    ref: CanaryRef
    severity: Severity
    text: str
    facts: tuple[Fact, ...] = ()


class Event(Model):
    """One line for the event hooks, with the phase of its moment."""

    at: datetime
    text: str
    warning: bool = False
    phase: Phase


class TellCommand(Model):
    """hooks.tell: post these events to the event hooks, in order."""

    ref: CanaryRef
    events: tuple[Event, ...]
