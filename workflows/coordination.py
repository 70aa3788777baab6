"""The canaries of one release as a whole: heard, and told when all may go or all must turn back.

Each is told only what is new to it, and of several news the last.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from temporalio import workflow

from workflows.control import Control

with workflow.unsafe.imports_passed_through():
    from tidegate.contracts import CanaryOutcome, Directive, Report
    from tidegate.decisions.coordination import Common, Member, directives, others_than
    from tidegate.domain.release import Outcome

Send = Callable[[str, Directive], Awaitable[None]]
WELL = (Outcome.PROMOTED, Outcome.INITIALISED, Outcome.UNCHANGED)


class Coordinator:
    """Decides for the canaries of one release, by their workflow ids. `send` tells one how the others are.

    The decision to go is made once and for all; that to turn back may follow until all have been promoted. A
    release that is aborted decides nothing any more, and tells to the end what was decided: that all stay. It
    is decided when it can be told, by all that has come in until then.
    """

    def __init__(self, names: Mapping[str, str], epoch: int, control: Control, send: Send) -> None:
        self._members = {key: Member(name=name) for key, name in names.items()}
        self._epoch = epoch
        self._control = control
        self._send = send
        self._told = dict.fromkeys(names, Directive())
        self._present: set[str] = set()
        self._common = Common()
        self._dissolved = False
        self._telling = False

    def others(self, key: str) -> tuple[str, ...]:
        """The names of all canaries but one."""
        return others_than(self._members[key].name, (member.name for member in self._members.values()))

    @property
    def stayed(self) -> bool:
        """Whether all have been promoted: none goes back any more."""
        return self._common.stayed

    def dissolve(self) -> None:
        """The release was cancelled, and all its canaries with it: nobody has to be told anything."""
        self._dissolved = True

    async def begun(self, key: str) -> None:
        """A canary runs, and can be told."""
        self._present.add(key)
        await self._tell()

    async def hear(self, report: Report) -> None:
        """A canary tells where it stands. What comes from another release's is left aside.

        One that was reset is no longer where it was, and is told anew what it has to know.
        """
        member = self._members.get(report.canary)
        if member is None or report.epoch != self._epoch:
            return
        if report.anew:
            self._told[report.canary] = Directive()
        elif member.turned_back:
            return
        news = report.model_dump(include={"passed", "promoted", "place", "turned_back"})
        self._members[report.canary] = member.model_copy(update=news)
        await self._tell()

    async def lost(self, key: str, reason: str) -> None:
        """A canary has ended, or was cut off, without being promoted."""
        self._present.discard(key)
        member = self._members[key]
        if not member.turned_back:
            self._members[key] = member.model_copy(update={"turned_back": reason})
        await self._tell()

    async def ended(self, key: str, outcome: CanaryOutcome) -> None:
        """A canary has ended by itself."""
        if outcome.outcome not in WELL:
            await self.lost(key, outcome.reason)
            return
        self._present.discard(key)
        self._members[key] = self._members[key].model_copy(update={"done": True})
        await self._tell()

    @property
    def _is_over(self) -> bool:
        return self._dissolved or self._control.aborted

    async def _tell(self) -> None:
        """To all at the same time, so that none goes much before another."""
        if self._telling:
            return
        self._telling = True
        try:
            await asyncio.sleep(0)
            while news := self._news():
                self._told |= news
                await asyncio.gather(*(self._send(key, directive) for key, directive in news.items()))
        finally:
            self._telling = False

    def _news(self) -> dict[str, Directive]:
        if not self._is_over:
            self._common = self._common.after(self._members.values())
        elif not self._common.stayed:
            return {}
        wanted = directives(self._members, self._common)
        return {
            key: directive
            for key, directive in wanted.items()
            if key in self._present and directive != self._told[key]
        }
