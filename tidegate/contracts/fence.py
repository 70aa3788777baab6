"""The token by which an object refuses a command that comes too late."""

from typing import Self

from tidegate.domain.base import Model
from tidegate.domain.manifest import Manifest
from tidegate.domain.marks import annotations

FENCE_ANNOTATION = "tidegate.dev/fence"
"""The last command's token that an object obeyed."""


class Fence(Model):
    """A command's place in time: later commands are greater, and an older one is refused.

    `epoch` is the start of the run that gives the command, in milliseconds; `sequence` counts its commands.
    """

    epoch: int
    sequence: int

    def __str__(self) -> str:
        return f"{self.epoch}.{self.sequence}"

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """The token of an annotation; None when absent or not ours."""
        epoch, _, sequence = (text or "").partition(".")
        if not all(part.isascii() and part.isdecimal() and len(part) < 20 for part in (epoch, sequence)):
            return None  # anybody may have written it
        return cls(epoch=int(epoch), sequence=int(sequence))

    @classmethod
    def obeyed_by(cls, live: Manifest | None) -> Self | None:
        """The token of the last command that an object obeyed; None for none."""
        return cls.parse(annotations(live or {}).get(FENCE_ANNOTATION))

    def is_older_than(self, other: "Fence | None") -> bool:
        """Whether `other` was given later. A command is not older than itself: steps may run twice."""
        return other is not None and (self.epoch, self.sequence) < (other.epoch, other.sequence)
