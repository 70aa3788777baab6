"""The article's manifests as its repository had them, with an overlay that only shortens the interval."""

import shutil
from pathlib import Path
from typing import NamedTuple

import yaml

from tests.e2e.user import CHECKOUT, Application, Ended, User

SEED = CHECKOUT.parent / "shared" / "seed"
COMMITS = FIRST, LAST = "podinfo-db4a74f", "podinfo-0c62d7c"
OVERLAY = {
    "resources": ["../podinfo"],
    "patches": [
        {
            "target": {"kind": "Canary", "name": "podinfo"},
            "patch": "- {op: replace, path: /spec/analysis/interval, value: 1s}",
        }
    ],
}


class Article(NamedTuple):
    """Its first commit's release, its last one's, and the canary's weights in Envoy during that."""

    application: "Podinfo"
    first: Ended
    last: Ended
    weights: list[int]


class Podinfo(Application):
    """podinfo where the article has it: in the namespace test, at app.istio.example.com."""

    @property
    def namespace(self) -> str:
        """The article's."""
        return "test"

    @property
    def host(self) -> str:
        """The article's."""
        return "app.istio.example.com"

    async def commit_seed(self, name: str) -> str:
        """Commit what the article's repository had at that commit."""
        shutil.copytree(SEED / name, self.repository / "podinfo", dirs_exist_ok=True)
        (self.repository / "quick").mkdir(exist_ok=True)
        (self.repository / "quick" / "kustomization.yaml").write_text(yaml.safe_dump(OVERLAY))
        return await self.commit_files({})


def is_available() -> bool:
    """Whether this checkout lies beside the article's manifests."""
    return all((SEED / commit).is_dir() for commit in COMMITS)


async def release_article(user: User, folder: Path) -> Article:
    """Release the first commit, then the last."""
    podinfo = Podinfo(user, "podinfo", folder / "podinfo")
    await podinfo.create()
    source = {"repoURL": f"file://{podinfo.repository}", "path": "quick", "targetRevision": "latest"}
    podinfo.describe(source=source, destination={"name": "mesh02", "namespace": "test"})
    await podinfo.commit_seed(FIRST)
    first = await podinfo.start()
    await podinfo.commit_seed(LAST)
    async with podinfo.observed() as seen:
        last = await podinfo.start()
    return Article(podinfo, first, last, seen.weights)
