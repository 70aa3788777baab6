"""One canary's steps in every workload cluster: side by side, each with time limits and retries of its own.

All get the same token, since part of what they write is one object in the mesh. Where there is one cluster,
a step is one activity as ever.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from workflows.steps import Options, failure_type, reason_of

with workflow.unsafe.imports_passed_through():
    from tidegate.contracts import CanaryCommand, CanaryRef, StepReport
    from tidegate.decisions.clusters import merged, told
    from tidegate.domain.errors import ReleaseFailed

T = TypeVar("T")


async def everywhere(method: Any, command: CanaryCommand, options: Options) -> StepReport:
    """The step done in all clusters. What fails in one, as ActivityError or ReleaseFailed, ends it in all.

    What was under way in the others may still be written, until the way back shuts it out.
    """
    refs = command.ref.everywhere
    reports = await all_or_none([step_in(ref, method, command, options) for ref in refs])
    return merged_of(refs, reports)


async def home_first(method: Any, command: CanaryCommand, options: Options, limited: Options) -> StepReport:
    """The step in the destination, by which all is decided, and then in the others: they can only follow.

    What fails there, or is not done within their `limited` options, is a warning.
    """
    home, *further = command.ref.everywhere
    first = await step_in(home, method, command, options)
    others = await all_or_none([_at_best(ref, method, command, limited) for ref in further])
    return merged_of((home, *further), [first, *others])


async def home_last(method: Any, command: CanaryCommand, options: Options) -> StepReport:
    """The step in the further clusters, and then in the destination, which tells that it is all done."""
    home, *further = command.ref.everywhere
    others = await all_or_none([step_in(ref, method, command, options) for ref in further])
    last = await step_in(home, method, command, options)
    return merged_of((home, *further), [last, *others])


async def step_in(ref: CanaryRef, method: Any, command: CanaryCommand, options: Options) -> StepReport:
    """The step in a reference's cluster."""
    own = command.model_copy(update={"ref": ref})
    try:
        report: StepReport = await workflow.execute_activity_method(method, own, **named(options, ref))
    except ActivityError as error:
        if ref.cluster and not (failure_type(error) or is_cancelled_exception(error)):
            raise ReleaseFailed(told(ref.cluster, reason_of(error))) from error  # a time-out names no place
        raise
    return report


async def _at_best(ref: CanaryRef, method: Any, command: CanaryCommand, options: Options) -> StepReport:
    try:
        return await step_in(ref, method, command, options)
    except (ActivityError, ReleaseFailed) as error:
        if is_cancelled_exception(error):
            raise
        return StepReport(warnings=(f"left undone: {reason_in(ref, error)}",))


def reason_in(ref: CanaryRef, error: BaseException) -> str:
    """Why a step failed, for a line that names the cluster itself."""
    return reason_of(error).removeprefix(told(ref.cluster, ""))


async def all_or_none(steps: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """The results of steps side by side. The first failure ends the others, and is raised."""
    if len(steps) == 1:
        return [await steps[0]]
    runs = [asyncio.create_task(step) for step in steps]
    try:
        if runs:
            await workflow.wait(runs, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for run in runs:
            run.cancel()
        ended = await asyncio.gather(*runs, return_exceptions=True)
    failures = [each for each in ended if isinstance(each, BaseException)]
    if failures:
        raise min(failures, key=is_cancelled_exception)
    return [each for each in ended if not isinstance(each, BaseException)]


def merged_of(refs: Sequence[CanaryRef], reports: Sequence[StepReport]) -> StepReport:
    """One report; a single one as it is."""
    if len(reports) == 1:
        return reports[0]
    return merged([(ref.cluster, report) for ref, report in zip(refs, reports, strict=True)])


def named(options: Options, ref: CanaryRef) -> Options:
    """The options with the cluster in the summary, where there are several."""
    if not ref.cluster:
        return options
    return Options(**{**options, "summary": f"{options['summary']} in {ref.cluster}"})
