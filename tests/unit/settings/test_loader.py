"""What load_settings accepts, and how it explains what it refuses."""

from pathlib import Path

import pytest

from tidegate.settings import Settings, SettingsError, load_settings

TOML = """
[clusters.asm]
server = "https://asm.example:6443/"

[clusters.mesh-02]
kubeconfig = "kube/mesh02"
prometheus = "http://prometheus:9090/"

[mesh]
control_plane = "asm"

[git.credentials."https://git.example/team"]
token_env = "TEAM_TOKEN"
"""


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/tidegate.toml").write_text(TOML)
    return {"TIDEGATE_CONFIG": str(tmp_path / "etc/tidegate.toml")}


def refusal(environ: dict[str, str]) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load_settings(environ)
    assert "\n" not in str(caught.value)
    return caught.value


def test_without_file_and_environment_the_defaults_stand() -> None:
    assert load_settings({}) == Settings()


def test_the_file_of_the_current_folder_is_read() -> None:
    Path("tidegate.toml").write_text("[worker]\ntask_queue = 'blue'\n")
    assert load_settings({}).worker.task_queue == "blue"


def test_a_relative_path_is_beside_the_file(environ: dict[str, str], tmp_path: Path) -> None:
    assert load_settings(environ).cluster("mesh-02").kubeconfig == str(tmp_path / "etc/kube/mesh02")


def test_addresses_lose_their_last_slash(environ: dict[str, str]) -> None:
    assert load_settings(environ).cluster("mesh-02").prometheus == "http://prometheus:9090"


def test_the_environment_overrides_the_file_and_reaches_a_hyphened_name(environ: dict[str, str]) -> None:
    environ |= {"TIDEGATE_CLUSTERS__MESH_02__SERVICE_PROXY": "true", "TIDEGATE_RELEASE__DRAIN_SECONDS": "0.5"}
    settings = load_settings(environ)
    assert settings.cluster("mesh-02").service_proxy is True
    assert settings.release.drain_seconds == 0.5


def test_a_table_comes_from_the_environment_as_json() -> None:
    settings = load_settings({"TIDEGATE_GIT__CREDENTIALS": '{"https://a.example/": {"token_env": "A"}}'})
    assert settings.git.credentials["https://a.example/"].token_env == "A"


def test_variables_without_a_section_are_somebody_elses() -> None:
    assert load_settings({"TIDEGATE_TOKEN": "x", "OTHER__FIELD": "y"}) == Settings()


@pytest.mark.parametrize(
    ("toml", "field", "mend"),
    [
        ("[load]\nmdoe = 'native'", "load.mdoe", "did you mean mode?"),
        ("[lod]\nmode = 'native'", "lod", "did you mean load?"),
        ("[load]\nmode = 'hard'", "load.mode", "'webhook' or 'native'"),
        ("[clusters.a]\nsvc = 1", "clusters.a.svc", "known here: kubeconfig"),
        (
            "[git.credentials.'https://x/']\ntoken = 'hunter2'",
            "git.credentials.https://x/.token",
            "token_env",
        ),
        ("[clusters.a]\nprometheus = 'prom:9090'", "clusters.a.prometheus", "http://host:9090"),
        ("[clusters.a]\nprometheus = 'http://u:hunter2@p'", "clusters.a.prometheus", "out of the address"),
        ("[worker]\nhealth_address = '8080'", "worker.health_address", "host:port"),
        ("[worker]\nhealth_address = 'h:90000'", "worker.health_address", "host:port"),
        ("[release]\noutage_budget_seconds = 0", "release.outage_budget_seconds", "greater than 0"),
        ("[release]\ndrain_seconds = -1", "release.drain_seconds", "greater than or equal to 0"),
        ("[mesh]\ncontrol_plane = 'asn'\n[clusters.asm]", "mesh.control_plane", "known clusters: asm"),
        ("[load]\ncluster = 'x'", "load.cluster", "no cluster is configured"),
        ("[load", "(syntax)", "Expected ']'"),
    ],
)
def test_a_wrong_file_is_explained_in_one_line(toml: str, field: str, mend: str) -> None:
    Path("tidegate.toml").write_text(toml)
    error = refusal({})
    assert (error.file, error.field) == ("tidegate.toml", field)
    assert mend in error.mend
    assert "hunter2" not in str(error)


def test_a_wrong_variable_is_named() -> None:
    error = refusal({"TIDEGATE_WORKER__MAX_CONCURRENT_ACTIVITIES": "many"})
    assert error.file == "environment TIDEGATE_WORKER__MAX_CONCURRENT_ACTIVITIES"
    assert error.field == "worker.max_concurrent_activities"


def test_a_variable_below_a_plain_field_is_refused() -> None:
    Path("tidegate.toml").write_text("[worker]\ntask_queue = 'blue'\n")
    assert refusal({"TIDEGATE_WORKER__TASK_QUEUE__X": "1"}).field == "TIDEGATE_WORKER__TASK_QUEUE__X"


def test_a_table_that_is_no_json_is_refused() -> None:
    assert "JSON" in refusal({"TIDEGATE_CLUSTERS__A": "{kubeconfig"}).mend


def test_a_named_file_must_exist() -> None:
    assert refusal({"TIDEGATE_CONFIG": "nowhere.toml"}).field == "TIDEGATE_CONFIG"


def test_several_mistakes_are_counted() -> None:
    assert "(and 1 more)" in refusal({"TIDEGATE_LOAD__MODE": "x", "TIDEGATE_LOAD__MAX_RATE": "x"}).mend
