"""`tidegate approve`: open the gates that a release waits at, and no other.

The signal names the gates that were seen: one that comes late, or twice, opens nothing else.
"""

import getpass
from collections.abc import Callable, Sequence
from typing import Annotated

import typer
from temporalio.client import Client

from tidegate.cli.connection import run
from tidegate.cli.exits import GAVE_UP, INVALID, CommandFailed, exits
from tidegate.cli.observation import Observation, observe
from tidegate.cli.options import Json, Name, OptionalFile
from tidegate.cli.output import Output
from tidegate.cli.release_name import ReleaseName, find_release
from tidegate.cli.signalling import Steering, ended, name_of, not_running, steer_release
from tidegate.cli.words import NO_WORKER
from tidegate.contracts import APPROVE, ApprovedGate, ApproveRequest, CanaryStatus
from tidegate.domain.errors import InvalidInput

Canary = Annotated[
    str | None,
    typer.Option(help="Only this canary's gate: podinfo, or podinfo.test.", show_default=False),
]
Gate = Annotated[
    str | None,
    typer.Option(
        help="Only this gate, by its name in `status` or by its type; no other is opened, however often "
        "the command is repeated.",
        show_default=False,
    ),
]
By = Annotated[
    str | None,
    typer.Option(
        help="Who approves, for the record; the user of the operating system when not given.",
        show_default=False,
    ),
]


@exits
def approve(
    application: Name = None,
    file: OptionalFile = None,
    canary: Canary = None,
    gate: Gate = None,
    by: By = None,
    json: Json = False,
) -> int:
    """Open the gates that wait at this moment, in the place of their hooks, and say which.

    A gate that comes later needs an approval of its own: where none waits, the exit code is 2.
    """
    who = _approver(by)
    output = Output(as_json=json)

    async def work(client: Client) -> int:
        release = await find_release(client, application, file)
        seen = await _look(client, release)
        chosen = tuple(each for each in _of(seen, canary) if _is_meant(each.gate, gate))
        _refuse_stranger(chosen, who)
        named = tuple(
            ApprovedGate(canary=each.canary, gate=each.gate, revision=each.revision) for each in chosen
        )
        if not named:
            raise CommandFailed(_nothing(seen), INVALID)
        await _approve(client, release, ApproveRequest(gates=named, by=who), seen, output)
        return 0

    return run(work)


async def _approve(
    client: Client, release: ReleaseName, request: ApproveRequest, before: Observation, output: Output
) -> None:
    gates = [gate.model_dump(mode="json") for gate in request.gates]
    steering = Steering(
        APPROVE,
        lambda seen: not _still_wanted(request, seen),
        lambda now: _sentence(request, now, before),
        request,
        {"gates": gates, "by": request.by},
    )
    await steer_release(client, release, steering, output)


def _approver(by: str | None) -> str:
    """An empty name is an unset variable of somebody's CI."""
    if by is not None and not by.strip():
        raise InvalidInput("is empty", field="--by", mend="give a name, or leave it out")
    return by.strip() if by else getpass.getuser()


async def _look(client: Client, release: ReleaseName) -> Observation:
    try:
        seen = await observe(client, release.workflow_id)
    except CommandFailed:
        raise not_running(release) from None
    if seen.closed_as:
        raise not_running(release)
    if not seen.worker_answers:
        raise CommandFailed(f"{NO_WORKER}, so it is not known what waits; nothing was approved", GAVE_UP)
    return seen


def _of(seen: Observation, canary: str | None) -> list[CanaryStatus]:
    """The canaries that wait at a gate, or the one that is named, if it does."""
    names = [each.canary for each in seen.canaries]
    if canary is not None and canary not in (*names, *(name.rpartition(".")[0] for name in names)):
        known = f"name one of {', '.join(names)}" if names else "it has none at this moment"
        raise InvalidInput(f"{canary} is no canary of {name_of(seen)}", field="--canary", mend=known)
    meant = [each for each in seen.canaries if canary in (None, each.canary, each.canary.rpartition(".")[0])]
    return [each for each in meant if each.gate]


def _refuse_stranger(chosen: Sequence[CanaryStatus], who: str) -> None:
    """The worker refuses too; here it is a mistake in time."""
    for each in chosen:
        if each.consent and who not in each.consent.approvers:
            raise InvalidInput(
                f"{who} is not asked for {each.canary} {each.gate}",
                field="--by",
                mend=f"give one of {', '.join(each.consent.approvers)}",
            )


def _is_meant(gate: str, wanted: str | None) -> bool:
    return wanted is None or wanted in (gate, gate.partition(":")[0])


def _still_wanted(request: ApproveRequest, seen: Observation) -> bool:
    """Whether a gate waits yet for this very approval."""
    waiting = [each for each in map(_waiting_at(seen), request.gates) if each is not None]
    return not ended(seen) and any(
        each.consent is None or request.by not in each.consent.approvals for each in waiting
    )


def _waiting_at(seen: Observation) -> Callable[[ApprovedGate], CanaryStatus | None]:
    """The canary that waits at a gate, if one does."""
    by_gate = {(each.canary, each.gate): each for each in seen.canaries}
    return lambda gate: by_gate.get((gate.canary, gate.gate))


def _sentence(request: ApproveRequest, seen: Observation, before: Observation) -> str:
    """What the approval did, by how it is now and how it was before."""
    repeated = [_had_approved(request.by, _waiting_at(before)(each)) for each in request.gates]
    told = [
        f"{_told(each, _waiting_at(seen)(each))}{f'; {request.by} had approved already' if again else ''}"
        for each, again in zip(request.gates, repeated, strict=True)
    ]
    return f"{'nothing new for' if all(repeated) else 'approved'} {name_of(seen)}: {'; '.join(told)}"


def _nothing(seen: Observation) -> str:
    others = "; ".join(f"{each.canary} waits at {each.gate}" for each in seen.canaries if each.gate)
    return f"no gate of {name_of(seen)} waits for this approval{f'; {others}' if others else ''}"


def _had_approved(who: str, waiting: CanaryStatus | None) -> bool:
    return bool(waiting and waiting.consent and who in waiting.consent.approvals)


def _told(gate: ApprovedGate, waiting: CanaryStatus | None) -> str:
    """A gate, and what it still takes, when it does."""
    consent = waiting.consent if waiting else None
    so_far = f", {len(consent.approvals)} of {consent.quorum} approvals so far" if consent else ""
    return f"{gate.canary} {gate.gate}{so_far}"
