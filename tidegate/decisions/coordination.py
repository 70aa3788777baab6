"""Canaries that are promoted together: who waits for whom, when all go, and when all turn back.

A release knows of each canary what that one reported, and how it ended. From this follows what each is told.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
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
    promoted: bool = False
    place: str = ""
    turned_back: str = ""
    done: bool = False

    @property
    def may_go(self) -> bool:
        """Whether nobody has to wait for it to be promoted."""
        return (self.passed or self.done) and not self.turned_back

    @property
    def may_stay(self) -> bool:
        """Whether nobody has to be ready to go back because of it."""
        return (self.promoted or self.done) and not self.turned_back


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

    After the promotion lies another one: what fails in its promotion takes the others back, too.
    `freezes` are those of all of them: one that began would wait with its users split for one that may not.
    """
    at = next((index for index, stage in enumerate(plan.stages) if _takes_over(stage)), None)
    if not others or at is None:
        return plan
    before, after = plan.stages[:at], plan.stages[at:]
    promoted = 1 + next(index for index, stage in enumerate(after) if isinstance(stage, Promote))
    stages = (
        *before,
        Meet(others=others, bake=_last_bake(before)),
        *after[:promoted],
        Meet(others=others, promoted=True, bake=_last_bake((*before, *after[:promoted]))),
        *after[promoted:],
    )
    return plan.model_copy(update={"stages": _frozen(stages, freezes) if freezes else stages})


def _last_bake(stages: Sequence[Stage]) -> Bake | None:
    """The one that goes on while a canary waits: its traffic stays as it is then."""
    return next((stage for stage in reversed(stages) if isinstance(stage, Bake)), None)


def _frozen(stages: Sequence[Stage], rules: tuple[FreezeRule, ...]) -> tuple[Stage, ...]:
    """With these freezes in the place of its own."""
    thawed = [stage for stage in stages if not isinstance(stage, Freeze)]
    at = next(index for index, stage in enumerate(thawed) if isinstance(stage, ScaleUp))
    return (*thawed[:at], Freeze(rules=rules), *thawed[at:])


def _takes_over(stage: Stage) -> bool:
    return isinstance(stage, Promote) or (isinstance(stage, Route) and stage.at_once)


class Common(Model):
    """What is decided for all members, once and for all.

    `cause` is the first that turned back before all had been promoted: all others turn back with it. `gone`:
    all have passed. `stayed`: all have been promoted.
    """

    cause: Member | None = None
    gone: bool = False
    stayed: bool = False

    def after(self, members: Collection[Member]) -> "Common":
        """What is decided now that the members stand so."""
        if self.cause or self.stayed:
            return self
        if cause := next((member for member in members if member.turned_back), None):
            return Common(cause=cause, gone=self.gone)
        gone = self.gone or all(member.may_go for member in members)
        return Common(gone=gone, stayed=gone and all(member.may_stay for member in members))


def directives(members: Mapping[str, Member], common: Common) -> dict[str, Directive]:
    """What each canary should know. One that turned back has nothing to be told."""
    if cause := common.cause:
        told = Directive(turn_back=narration.with_other(cause.name, cause.turned_back))
        return {key: told for key, member in members.items() if not member.turned_back}
    if common.stayed:
        return dict.fromkeys(members, Directive(go=True, stay=True))
    if common.gone:
        behind = [each for each in members.values() if not each.may_stay]
        waiting, going = Directive(go=True, waits_for=_named(behind)), Directive(go=True)
        return {key: waiting if each.promoted else going for key, each in members.items()}
    awaited = [member for member in members.values() if not member.may_go]
    reporting = len(awaited) <= NAMED and any(member.passed for member in members.values())
    waiting = Directive(waits_for=_named(awaited))
    return {
        key: waiting if member.passed else Directive(awaited=reporting and not member.done)
        for key, member in members.items()
    }


def _named(awaited: Sequence[Member]) -> str:
    """Who is waited for: "backend (at 40 %), cache". Where one that has passed was is of no interest."""
    if len(awaited) > NAMED:
        return f"{len(awaited)} of them"
    return ", ".join(
        f"{each.name} ({each.place})" if each.place and not each.passed else each.name for each in awaited
    )
