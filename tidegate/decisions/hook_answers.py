"""What a hook's answer means: agreement, not yet, later, or never.

A status up to 202 agrees, as with Flagger. A hook that knows more says so in the header `Tidegate-Gate`, or
in a JSON body's `gate`: "later", to be asked again after its Retry-After, or "never", with a `reason`.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from tidegate.decisions.retry_after import retry_after_seconds
from tidegate.domain.base import Model

GATE_HEADER = "Tidegate-Gate"
LAST_SUCCESS = 202
SOONEST_SECONDS, LATEST_SECONDS = 1.0, 86_400.0
"""How soon, and how late at the latest, a hook that said "later" is asked again."""


class Word(StrEnum):
    """What no status says."""

    LATER = "later"
    NEVER = "never"


class HookAnswer(Model):
    """One hook's last answer. `reason` says in one line why it did not agree; empty when it did.

    `answered` is false where nobody answered, or with an error of the server's own.
    """

    reason: str = ""
    word: Word | None = None
    again_seconds: float | None = None
    answered: bool = True

    @property
    def agreed(self) -> bool:
        """Whether the hook agreed."""
        return not self.reason


def word_of(headers: Mapping[str, str], body: bytes) -> tuple[Word | None, str]:
    """The word of an answer, and the reason that its body gives; neither where there is none."""
    told = _told(body)
    reason = told.get("reason")
    word = headers.get(GATE_HEADER) or told.get("gate")
    return _word(word), " ".join(reason.split()) if isinstance(reason, str) else ""


def _told(body: bytes) -> dict[str, object]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _word(said: object) -> Word | None:
    text = str(said or "").strip().lower()
    return Word(text) if text in tuple(Word) else None


def later_seconds(header: str | None, now: datetime) -> float | None:
    """Seconds until a Retry-After, in either of its forms; within bounds, None where it cannot be read."""
    asked = retry_after_seconds(header, now)
    return None if asked is None else min(max(asked, SOONEST_SECONDS), LATEST_SECONDS)
