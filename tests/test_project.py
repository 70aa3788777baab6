"""What is shipped, what is documented and what is shown as an example: that it is there, and works."""

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
EXAMPLES = {
    "01-podinfo": ("latest", "3 objects, canaries: podinfo.test"),
    "02-own-application": ("main", "2 objects, canaries: shop.shop"),
    "03-pair": ("main", "5 objects, canaries: backend.pair, frontend.pair"),
}
"""Each example's branch, and what `validate` says of it."""
STRATEGIES = {
    "ab-testing": "Route matching requests 0/100",
    "alerts": "Bake 5s at 50%",
    "blue-green": "Bake 5s iteration 6/6",
    "daemon-set": "Scale up target",
    "gates": "Gate confirm-promotion: product-owner",
    "metrics": "2 checks",
    "mirroring": "mirror 50%",
    "session-affinity": "Route 75/25",
}
"""The Canaries of the fourth example, and what `plan` says of each."""
MAKEFILE = (CHECKOUT / "Makefile").read_text()
DOCUMENTS = sorted(
    [*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/**/*.md"), *CHECKOUT.glob("examples/**/*.md")]
)


def _run(*argv: str, cwd: Path = CHECKOUT, **environment: str) -> str:
    done = subprocess.run(
        argv, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    options = ("--quiet", "--no-deps", "--no-index", "--disable-pip-version-check", "--target", str(folder))
    _run(sys.executable, "-m", "pip", "install", *options, str(wheel))
    return folder


def test_the_wheel_holds_tidegate_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"tidegate"}
    assert {"tidegate/py.typed", "tidegate/sandbox/crds/flagger.yaml"} <= set(names)


def test_the_wheel_brings_its_licence(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (licence,) = (name for name in archive.namelist() if name.endswith("/licenses/LICENSE"))

    assert "Apache License" in archive.read(licence).decode()


def test_the_installed_command_runs_what_was_installed(installed: Path, tmp_path: Path) -> None:
    script = installed / "bin" / "tidegate"
    where = "import tidegate; print(tidegate.__file__)"

    printed = _run(sys.executable, str(script), "--help", cwd=tmp_path, PYTHONPATH=str(installed))
    assert "validate" in printed
    found = _run(sys.executable, "-c", where, cwd=tmp_path, PYTHONPATH=str(installed))
    assert Path(found.strip()).is_relative_to(installed)


def _documented_targets() -> Iterator[tuple[str, str]]:
    for document in DOCUMENTS:
        for target in re.findall(r"(?:^|`)make ([a-z]+)", document.read_text(), re.MULTILINE):
            yield document.name, target


def test_the_readme_tells_of_make_demo_and_make_test() -> None:
    assert {("README.md", "demo"), ("README.md", "test")} <= set(_documented_targets())


def test_every_documented_target_of_make_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))

    assert {target for _, target in _documented_targets()} <= targets


def test_make_lists_every_target() -> None:
    listed = set(re.findall(r"^  make (\w+)", _run("make", "--no-print-directory"), re.MULTILINE))
    (phony,) = re.findall(r"^\.PHONY: (.*)", MAKEFILE, re.MULTILINE)

    assert listed == set(phony.split())


@pytest.mark.parametrize("script", ["scripts/setup", "scripts/audit", ".ci/run"])
def test_scripts_are_executable_and_stop_at_the_first_error(script: str) -> None:
    path = CHECKOUT / script

    assert os.access(path, os.X_OK)
    assert "\nset -euo pipefail\n" in path.read_text()
    _run("bash", "-n", str(path))


def _in_a_repository(example: str, branch: str, folder: Path, canary: Path | None = None) -> Path:
    """The example's application, with its manifests in a repository; its Canary may be another one."""
    repository = folder / example
    identity = ("-c", "user.name=Test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false")
    _run("git", "init", "--quiet", f"--initial-branch={branch}", str(repository))
    _run("cp", "-r", f"{CHECKOUT}/examples/{example}/.", str(repository))
    if canary:
        _run("cp", str(canary), f"{repository}/manifests/canary.yaml")
        if "kind: DaemonSet" in canary.read_text():
            (repository / "manifests" / "deployment.yaml").unlink()
    _run("git", "-C", str(repository), "add", ".")
    _run("git", "-C", str(repository), *identity, "commit", "--quiet", "-m", example)
    application = repository / "application.yaml"
    address = f"repoURL: {repository.as_uri()}"
    application.write_text(re.sub(r"repoURL: https://\S+", address, application.read_text()))
    return application


@pytest.fixture
def configuration(tmp_path: Path) -> str:
    file = tmp_path / "tidegate.toml"
    file.write_text(
        '[clusters.asm]\nserver = "https://asm"\n[clusters.mesh01]\nserver = "https://mesh01"\n'
        '[clusters.mesh02]\nserver = "https://mesh02"\n[mesh]\ncontrol_plane = "asm"\n'
        f'[load]\ncluster = "mesh01"\nmode = "native"\n[git]\ncache = "{tmp_path}/cache"\n'
    )
    return str(file)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_example_is_valid(example: str, tmp_path: Path, configuration: str) -> None:
    branch, said = EXAMPLES[example]
    application = str(_in_a_repository(example, branch, tmp_path))
    printed = _run(sys.executable, "starter.py", "validate", "-f", application, TIDEGATE_CONFIG=configuration)

    assert said in printed


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_strategy_has_the_plan_that_it_is_for(strategy: str, tmp_path: Path, configuration: str) -> None:
    canary = CHECKOUT / f"examples/04-strategies/{strategy}.yaml"
    application = str(_in_a_repository("02-own-application", "main", tmp_path, canary))
    printed = _run(sys.executable, "starter.py", "plan", "-f", application, TIDEGATE_CONFIG=configuration)

    assert STRATEGIES[strategy] in printed


def test_every_example_is_tested() -> None:
    assert {path.name for path in (CHECKOUT / "examples").iterdir()} == {*EXAMPLES, "04-strategies"}
    assert {path.stem for path in (CHECKOUT / "examples/04-strategies").glob("*.yaml")} == set(STRATEGIES)


def test_the_quickstart_shows_the_example_as_it_is() -> None:
    shown = (CHECKOUT / "docs/quickstart.md").read_text()
    files = (CHECKOUT / "examples/02-own-application").rglob("*.yaml")

    assert [file.name for file in files if f"```yaml\n{file.read_text()}```" not in shown] == []
