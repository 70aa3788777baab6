"""What kubectl shows of a canary: its standing, kept in its object's status, and its notes as Events."""

from datetime import datetime

from tidegate.contracts.fence import Fence
from tidegate.contracts.hooks import Event
from tidegate.contracts.references import CanaryRef
from tidegate.domain.base import Model
from tidegate.domain.percent import Percent
from tidegate.domain.plan import Published
from tidegate.domain.release import Phase


class Standing(Model):
    """Where a canary stands. `reason` says why it ended; empty until then."""

    phase: Phase
    weight: Percent = 0
    failed_checks: int = 0
    iterations: int = 0
    reason: str = ""


class PublishCommand(Model):
    """canary.publish: show this. `at` is its moment: an older one is never shown after a later one.

    `first`: the object is brought to what Git has before.
    """

    ref: CanaryRef
    fence: Fence
    at: datetime
    published: Published
    standing: Standing
    events: tuple[Event, ...] = ()
    first: bool = False
