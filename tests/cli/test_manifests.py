"""validate and plan look at a real repository, and name the file, the field and the mend."""

import json
import subprocess
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: podinfo}
spec:
  selector: {matchLabels: {app: podinfo}}
  template:
    metadata: {labels: {app: podinfo}}
    spec: {containers: [{name: podinfod, image: "podinfo:6.0.0", ports: [{containerPort: 9898}]}]}
"""
CANARY = """\
apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: podinfo}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: podinfo}
  service: {port: 9898}
  analysis:
    interval: 30s
    threshold: 2
    maxWeight: 50
    stepWeight: 25
    metrics: [{name: request-success-rate, thresholdRange: {min: 99}, interval: 1m}]
"""
APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: podinfo}
spec:
  source: {repoURL: REPOSITORY, path: deploy, targetRevision: latest}
  destination: {name: mesh02, namespace: test}
"""


COORDINATION = "{{name: podinfo, annotations: {{tidegate.dev/coordination: {}}}}}"


class World:
    """A repository with a branch `latest`, an Application, and the program in their folder."""

    def __init__(self, folder: Path, app: typer.Typer) -> None:
        self.folder = folder
        self.app = app
        self.write("repository/deploy/deployment.yaml", DEPLOYMENT)
        self.write("repository/deploy/canary.yaml", CANARY)
        self.write("application.yaml", APPLICATION.replace("REPOSITORY", str(folder / "repository")))
        self.git("init", "--quiet", "--initial-branch=latest")

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self.folder / path).read_text(encoding="utf-8")
        assert old in text
        self.write(path, text.replace(old, new))

    def git(self, *arguments: str) -> None:
        who = ("-c", "user.name=test", "-c", "user.email=test@tidegate.test")
        subprocess.run(["git", *who, *arguments], cwd=self.folder / "repository", check=True)

    def run(self, *arguments: str) -> Result:
        self.git("add", ".")
        self.git("commit", "--quiet", "--allow-empty", "--message=manifests")
        return CliRunner().invoke(self.app, [*arguments, "--file", "application.yaml"])


@pytest.fixture
def world(tmp_path: Path, app: typer.Typer, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TIDEGATE_CONFIG", raising=False)
    monkeypatch.setenv("TIDEGATE_CLUSTERS__MESH02__CONTEXT", "mesh02")
    monkeypatch.setenv("TIDEGATE_GIT__CACHE", str(tmp_path / "cache"))
    return World(tmp_path, app)


def test_plan_prints_the_stages_and_the_earliest_end(world: World) -> None:
    result = world.run("plan")
    assert result.exit_code == 0
    assert "5  Route 50/50" in result.stdout
    assert "earliest end after 1m05s" in result.stdout


def test_plan_as_json_has_every_stage(world: World) -> None:
    plan = json.loads(world.run("plan", "--json").stdout)["canaries"]["podinfo.test"]
    kinds = [stage["kind"] for stage in plan["stages"]]
    assert kinds == [
        "prepare",
        "scale-up",
        *["route", "bake"] * 2,
        "promote",
        "route",
        "drain",
        "scale-down",
    ]
    assert plan["earliest_end_seconds"] == 65


@pytest.fixture
def pair(world: World) -> World:
    """The world with a second Deployment and Canary."""
    for name, text in (("deployment", DEPLOYMENT), ("canary", CANARY)):
        world.write(
            f"repository/deploy/backend-{name}.yaml", text.replace("name: podinfo}", "name: backend}")
        )
    return world


def test_plan_says_which_canaries_go_together(pair: World) -> None:
    printed = pair.run("plan").stdout
    assert "coordinated: backend, podinfo; none is promoted before all have passed" in printed
    assert ("Meet podinfo" in printed, "Meet backend" in printed) == (True, True)


def test_plan_says_when_each_canary_goes_by_itself(pair: World) -> None:
    pair.edit("application.yaml", "{name: podinfo}", COORDINATION.format('"off"'))
    printed = pair.run("plan").stdout
    assert "not coordinated (tidegate.dev/coordination): each canary is promoted by itself" in printed
    assert "Meet" not in printed


FURTHER = "{{name: podinfo, annotations: {{tidegate.dev/further-clusters: {}}}}}"


def test_plan_says_in_which_clusters(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ASM", "MESH03"):
        monkeypatch.setenv(f"TIDEGATE_CLUSTERS__{name}__CONTEXT", name.lower())
    monkeypatch.setenv("TIDEGATE_MESH__CONTROL_PLANE", "asm")
    world.edit("application.yaml", "{name: podinfo}", FURTHER.format("mesh03"))
    result = world.run("plan")
    told = "in mesh02, mesh03 (tidegate.dev/further-clusters): each step is done in all of them"
    assert told in " ".join(result.stdout.split()), result.stderr
    assert result.stdout.startswith("podinfo@mesh02+mesh03/test at ")


@pytest.mark.parametrize("command", ["validate", "plan", "start"])
@pytest.mark.parametrize(
    ("named", "problem"),
    [
        ("mesh04", "unknown cluster 'mesh04'"),
        ("mesh02", "names mesh02, which is the destination"),
        ('"mesh03, mesh03"', "is 'mesh03, mesh03'; name clusters of the settings, each once"),
        ('""', "is ''; name clusters of the settings, each once"),
        ("[mesh03]", "is ['mesh03']; name clusters of the settings, each once"),
    ],
)
def test_further_clusters_that_do_not_fit_are_refused(
    world: World, command: str, named: str, problem: str
) -> None:
    world.edit("application.yaml", "{name: podinfo}", FURTHER.format(named))
    result = world.run(command)
    assert result.exit_code == 2
    line = " ".join(result.stderr.split())
    assert f"application.yaml: metadata.annotations.tidegate.dev/further-clusters: {problem}" in line


@pytest.mark.parametrize("command", ["validate", "plan", "start"])
def test_any_other_word_for_the_coordination_is_refused(world: World, command: str) -> None:
    world.edit("application.yaml", "{name: podinfo}", COORDINATION.format("off"))
    result = world.run(command)
    assert result.exit_code == 2
    assert "metadata.annotations.tidegate.dev/coordination: is False; write" in " ".join(
        result.stderr.split()
    )


POLICY = """\
apiVersion: tidegate.dev/v1alpha1
kind: ReleasePolicy
metadata: {name: careful}
spec:
  canaryRef: {name: podinfo}
  steps:
  - {weight: 1, duration: 5m, checks: []}
  - {weight: 30}
  analysis:
    initialDelay: 1m
    minimumRequests: 500
    noData: wait
    checks: [{name: request-success-rate, dryRun: true}]
"""
PLAN = """\
podinfo.test  release, 11 stages
   1  Prepare primary and routes
   2  Scale up target
   3  Route 99/1
   4  Bake 1m at 1%, 0 checks
   5  Bake 5m at 1%, 0 checks
   6  Route 70/30
   7  Bake 30s at 30%, 1 check
   8  Promote to primary
   9  Route 100/0
  10  Drain 5s
  11  Scale down target
  by ReleasePolicy careful; 500 requests for a verdict; no data waits; dry run of request-success-rate
  earliest end after 6m35s, readiness on top; 2 failed checks roll it back
"""


def test_plan_prints_what_a_policy_makes_of_it(world: World) -> None:
    world.write("repository/deploy/policy.yaml", POLICY)
    result = world.run("plan")
    assert result.exit_code == 0
    assert result.stdout.partition("\n")[2] == PLAN


GUARDED = """\
apiVersion: tidegate.dev/v1alpha1
kind: ReleasePolicy
metadata: {name: careful, namespace: test}
spec:
  canaryRef: {name: podinfo}
  approvals: [{before: promotion, quorum: 2, approvers: [ann, bob, eve]}]
  freezes: [{schedule: "0 0 * * *", duration: 24h, reason: no releases}]
"""


def test_plan_shows_a_policy_s_gates_and_the_freeze_that_holds(world: World) -> None:
    world.write("repository/deploy/policy.yaml", GUARDED)
    result = world.run("plan")
    assert "Gate freeze: no releases" in result.stdout
    assert "Gate approval before promotion: 2 of ann, bob, eve\n" in result.stdout
    assert "podinfo.test: frozen until " in result.stderr
    document = json.loads(world.run("plan", "--json").stdout)
    assert document["canaries"]["podinfo.test"]["frozen"]["reason"] == "no releases"


def test_validate_says_where_the_release_will_look_for_what_git_does_not_have(world: World) -> None:
    alerts = "analysis:\n    alerts: [{name: chat, providerRef: {name: chat, namespace: platform}}]"
    world.edit(IN_GIT, "analysis:", alerts)
    said = " ".join(world.run("validate").stderr.split())
    assert "AlertProvider platform/chat is not in Git: the release will look for it in mesh02" in said


def test_what_kustomize_builds_is_not_blamed_on_its_own_file(world: World) -> None:
    world.write("repository/deploy/kustomization.yaml", "resources: [canary.yaml, deployment.yaml]")
    world.edit(IN_GIT, "interval: 30s", "intervall: 30s")
    result = world.run("validate")
    assert result.exit_code == 2
    assert (
        "Canary test/podinfo (built by deploy/kustomization.yaml): spec.analysis.intervall: " in result.stderr
    )


def test_validate_says_what_it_saw(world: World) -> None:
    result = world.run("validate")
    assert result.exit_code == 0
    assert result.stdout.startswith("valid: podinfo@mesh02/test at ")
    assert result.stdout.endswith(" (branch latest), 2 objects, canaries: podinfo.test\n")


BOTH = "maxWeight: 50\n    stepWeights: [1]"
IN_GIT, IN_FILE = "repository/deploy/canary.yaml", "application.yaml"


@pytest.mark.parametrize(
    ("file", "old", "new", "line"),
    [
        (
            IN_GIT,
            "maxWeight: 50",
            BOTH,
            "deploy/canary.yaml: Canary test/podinfo: spec.analysis: "
            "has both stepWeight and stepWeights; keep one of them",
        ),
        (
            IN_GIT,
            "interval: 30s",
            "interval: soon",
            "deploy/canary.yaml: Canary test/podinfo: spec.analysis.interval: 'soon' is not a duration; "
            "write a number with a unit, as in 30s or 1m",
        ),
        (
            IN_GIT,
            "kind: Deployment, name: podinfo",
            "kind: Deployment, name: other",
            "deploy/canary.yaml: Canary test/podinfo: spec.targetRef.name: "
            "no Deployment other among the manifests; "
            "add the Deployment to the application's path, or correct the name",
        ),
        (
            IN_GIT,
            "analysis:",
            "upstreamRef: {kind: Upstream, name: podinfo}\n  analysis:",
            "deploy/canary.yaml: Canary test/podinfo: spec.upstreamRef: "
            "is not supported yet; only Istio is supported: remove it",
        ),
        (
            IN_GIT,
            "apiVersion: flagger",
            f"{POLICY.replace('careful', 'hasty').replace('name: podinfo', 'name: other')}---\n"
            "apiVersion: flagger",
            "deploy/canary.yaml: ReleasePolicy test/hasty: spec.canaryRef.name: "
            "no Canary test/other among the manifests; "
            "add it to the application's path, or correct the name or the policy's namespace",
        ),
        (
            IN_GIT,
            "analysis:",
            "suspend: true\n  analysis:",
            "Canary test/podinfo: spec.suspend: is true, and keeps its application from being released; "
            "set it to false, or remove it, and start again",
        ),
        (
            IN_FILE,
            "latest",
            "nope",
            "application.yaml: spec.source.targetRevision: 'nope' is not in the repository; "
            "name a branch, tag, SHA or version range",
        ),
        (
            IN_FILE,
            "mesh02",
            "mesh09",
            "application.yaml: spec.destination.name: unknown cluster 'mesh09'; known clusters: mesh02",
        ),
        (
            IN_FILE,
            "kind: Application",
            "kind: ApplicationSet",
            "application.yaml: kind: is argoproj.io/v1alpha1 ApplicationSet, not an Application; "
            "give an Argo CD Application (argoproj.io/v1alpha1)",
        ),
        (
            IN_FILE,
            "apiVersion",
            "---\n---\na: 1\n---\napiVersion",
            "application.yaml: holds 2 documents; give a file with one Application",
        ),
    ],
)
@pytest.mark.parametrize("command", ["validate", "start"])
def test_invalid_input_is_one_line_and_exits_2(
    world: World, command: str, file: str, old: str, new: str, line: str
) -> None:
    world.edit(file, old, new)
    result = world.run(command)
    assert (result.exit_code, result.stderr, result.stdout) == (2, f"error: {line}\n", "")


@pytest.mark.parametrize("command", ["validate", "plan", "start"])
def test_an_empty_revision_does_not_release_the_branch(world: World, command: str) -> None:
    result = world.run(command, "--revision", "")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "error: --revision: is empty; give a branch, tag or SHA, or leave it out to release the "
        "Application's targetRevision\n"
    )


def test_invalid_input_as_json_is_a_document(world: World) -> None:
    world.edit(IN_GIT, "stepWeight: 25", "stepWeight: 250")
    document = json.loads(world.run("validate", "--json").stdout)
    assert (document["event"], document["exit_code"]) == ("error", 2)
    assert document["error"].startswith("deploy/canary.yaml: Canary test/podinfo: spec.analysis.stepWeight: ")


def test_a_file_that_is_not_there_is_invalid_input(world: World) -> None:
    (world.folder / IN_FILE).unlink()
    result = world.run("plan")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: application.yaml: cannot be read: No such file or directory")
