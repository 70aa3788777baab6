"""A release is started while another one of the same application is under way."""

from tests.e2e.user import Baking, serves


async def test_the_same_revision_attaches(baking: Baking) -> None:
    second = await baking.application.begin()
    submission = await second.submission()
    await baking.application.tell("promote")
    codes = [(await command.ended()).code for command in (baking.command, second)]

    assert (submission["disposition"], codes) == ("attached", [0, 0])


async def test_another_revision_supersedes(baking: Baking) -> None:
    sha = await baking.application.commit("3.1.2")
    second = await baking.application.start()
    first = await baking.command.ended()

    assert (first.code, first.outcome["outcome"]) == (3, "superseded"), first
    assert first.outcome["reason"] == f"superseded by {sha[:12]}"
    assert (second.code, second.outcome["outcome"], second.outcome["sha"]) == (0, "promoted", sha), second
    assert await baking.application.end_state() == serves("3.1.2")


async def test_a_git_revert_in_mid_analysis_ends_on_the_primary_at_once(baking: Baking) -> None:
    await baking.application.commit("3.1.0")
    second = await baking.application.start()
    first = await baking.command.ended()

    assert (first.code, first.outcome["outcome"]) == (3, "superseded"), first
    assert (second.code, second.outcome["outcome"]) == (0, "unchanged"), second
    assert await baking.application.end_state() == serves("3.1.0")


async def test_another_revision_may_queue(baking: Baking) -> None:
    sha = await baking.application.commit("3.1.2")
    second = await baking.application.begin("--on-conflict", "queue")
    assert (await second.submission())["disposition"] == "queued"

    await baking.application.tell("promote")
    first, later = await baking.command.ended(), await second.ended()

    assert (first.code, first.outcome["sha"]) == (0, baking.sha)
    assert (later.code, later.outcome["sha"]) == (0, sha), later
    assert await baking.application.end_state() == serves("3.1.2")


async def test_another_revision_may_be_rejected(baking: Baking) -> None:
    await baking.application.commit("3.1.2")
    ended = await baking.application.start("--on-conflict", "reject")

    assert ended.code == 3
    assert "another revision" in ended.err
    assert await baking.application.weight() == 25
    await baking.application.tell("abort")
    await baking.command.ended()
