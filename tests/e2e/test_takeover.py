"""A team moves from Flagger to Tidegate: what Flagger made is taken over under constant traffic."""

from tests.e2e import flagger, manifests
from tests.e2e.user import Application, serves, until


async def delete_canary(application: Application) -> None:
    """Flagger's, as somebody does who has done with Flagger; Kubernetes deletes what belongs to it.

    In the foreground: a garbage collector that has just begun to know the kind may take minutes otherwise.
    """
    mesh02 = ("mesh02", "-n", application.namespace)

    async def collected() -> bool:
        get = ("get", "configmap", flagger.STALE, "--ignore-not-found")
        return not await application.user.kubectl(*mesh02, *get)

    assert not await collected()
    await application.user.kubectl(*mesh02, "delete", "canary", flagger.NAME, "--cascade=foreground")
    await until(collected)


async def test_what_flagger_made_is_taken_over_and_can_be_given_back(application: Application) -> None:
    await flagger.install(application, "3.1.0")
    async with application.observed() as seen:
        await application.commit_files(flagger.files(application.name, "3.1.1"))
        ended = await application.start()
        assert (ended.code, ended.outcome["outcome"]) == (0, "promoted"), ended
        assert await application.end_state() == serves("3.1.1")
        await delete_canary(application)
        assert await application.end_state() == serves("3.1.1")
    assert set(seen.answers) == {200}, seen.answers
    assert seen.weights == [0, 25, 50, 0]

    # One request in nine is a server error: of so many, no bake can see none.
    bad = {"threshold": 1, "webhooks": [manifests.load_test(application.name, rate=60)]}
    await application.commit_files(flagger.files(application.name, "3.1.2", "--random-error=true", **bad))
    ended = await application.start()
    assert (ended.code, ended.outcome["outcome"]) == (1, "rolled back"), ended
    assert await application.end_state() == serves("3.1.1")

    async with application.observed() as seen:
        ended = await application.tell("uninstall", "--json")
        assert ended.outcome["outcome"] == "uninstalled", ended
        assert await application.version() == "3.1.1"
    assert set(seen.answers) == {200}, seen.answers
    await application.remove()
