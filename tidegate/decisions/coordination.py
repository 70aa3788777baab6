"""Canaries that are promoted together: who waits for whom, when all go, and when all turn back.

A release knows of each canary what that one reported, and how it ended. From this follows what each is told.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from tidegate.contracts import Directive
from tidegate.decisions import narration
from tidegate.domain.base import Model
from tidegate.domain.freeze_rule import FreezeRule
from tidegate.domain.plan import Bake, Freeze, Meet, Plan, Promote, Route, ScaleUp, Stage

NAMED = 3
"""So many are waited for by name and place; of more, their number is told."""


class Named(Protocol):
    """A canary's manifest, or a reference to it."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def namespace(self) -> str:
        """The namespace that it is in."""


class Member(Model):
    """One canary of a coordinated release. `done`: it has ended, and well."""

    name: str
    passed: bool = False
    place: str = ""
    turned_back: str = ""
    done: bool = False

    @property
    def settled(self) -> bool:
        """Whether nobody has to wait for it."""
        return self.passed or self.done


def told_names(canaries: Sequence[Named]) -> tuple[str, ...]:
    """The canaries' names, with the namespace where two have one name."""
    counted = Counter(each.name for each in canaries)
    return tuple(
        each.name if counted[each.name] == 1 else f"{each.name}.{each.namespace}" for each in canaries
    )


def others_than(name: str, names: Iterable[str]) -> tuple[str, ...]:
    """All but one."""
    return tuple(each for each in names if each != name)


def with_meeting(plan: Plan, others: tuple[str, ...], freezes: tuple[FreezeRule, ...] = ()) -> Plan:
    """The plan with a meeting right before users are moved for good, where they are, and there are others.

    `freezes` are those of all of them: one that began would wait with its users split for one that may not.
    """
    at = next((index for index, stage in enumerate(plan.stages) if _takes_over(stage)), None)
    if not others or at is None:
        return plan
    before, after = plan.stages[:at], plan.stages[at:]
    bake = next((stage for stage in reversed(before) if isinstance(stage, Bake)), None)
    stages = (*before, Meet(others=others, bake=bake), *after)
    return plan.model_copy(update={"stages": _frozen(stages, freezes) if freezes else stages})


def _frozen(stages: Sequence[Stage], rules: tuple[FreezeRule, ...]) -> tuple[Stage, ...]:
    """With these freezes in the place of its own."""
    thawed = [stage for stage in stages if not isinstance(stage, Freeze)]
    at = next(index for index, stage in enumerate(thawed) if isinstance(stage, ScaleUp))
    return (*thawed[:at], Freeze(rules=rules), *thawed[at:])


def _takes_over(stage: Stage) -> bool:
    return isinstance(stage, Promote) or (isinstance(stage, Route) and stage.at_once)


def all_settled(members: Iterable[Member]) -> bool:
    """Whether all may go: each has passed, or has ended well."""
    return all(member.settled and not member.turned_back for member in members)


def directives(members: Mapping[str, Member], cause: Member | None, gone: bool) -> dict[str, Directive]:
    """What each canary should know. `cause` is the first that turned back before it went; `gone`: all may go.

    One that turned back has nothing to be told.
    """
    if cause is not None:
        told = Directive(turn_back=narration.with_other(cause.name, cause.turned_back))
        return {key: told for key, member in members.items() if not member.turned_back}
    if gone:
        return dict.fromkeys(members, Directive(go=True))
    awaited = [member for member in members.values() if not member.settled]
    reporting = len(awaited) <= NAMED and any(member.passed for member in members.values())
    waiting = Directive(waits_for=_named(awaited))
    return {
        key: waiting if member.passed else Directive(awaited=reporting and not member.done)
        for key, member in members.items()
    }


def _named(awaited: Sequence[Member]) -> str:
    """Who is waited for: "backend (at 40 %), cache"."""
    if len(awaited) > NAMED:
        return f"{len(awaited)} of them"
    return ", ".join(f"{each.name} ({each.place})" if each.place else each.name for each in awaited)
