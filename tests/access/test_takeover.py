"""The access that deploy/kubernetes grants is enough to take over what Flagger made."""

from pathlib import Path

from tests.access.conftest import Installation
from tests.e2e import flagger
from tests.e2e.user import Application, serves


async def test_the_access_is_enough_to_take_over_what_flagger_made(
    installation: Installation, tmp_path: Path
) -> None:
    application = Application(installation.admin, "flagged", tmp_path / "flagged")
    await application.create()
    await installation.bind(application.namespace)
    await flagger.install(application, "3.1.0")
    before = installation.refusals()
    await application.commit_files(flagger.files(application.name, "3.1.1"))
    ended = await application.start()

    assert ended.outcome["outcome"] == "promoted", ended
    assert installation.refusals() == before
    assert await application.end_state() == serves("3.1.1")
    every = (
        "get",
        "deployments,services,hpa,configmaps",
        "-o",
        "jsonpath={.items[*].metadata.ownerReferences[*].kind}",
    )
    owners = await application.user.kubectl("mesh02", "-n", application.namespace, *every)
    assert owners == "Canary", "what nobody refers to is all that is left of it"
