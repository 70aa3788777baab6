"""A plain directory, read as Argo CD reads one."""

from typing import Any

import pytest

from tidegate.adapters.render import render
from tidegate.domain.application import Directory
from tidegate.domain.errors import InvalidInput

Checkout = Any


def config_map(name: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n"


def rendered(checkout: Checkout, path: str = ".", **options: Any) -> list[tuple[str, str]]:
    found = render(checkout.root, path, Directory(**options))
    return [(manifest["metadata"]["name"], file) for manifest, file in found]


def test_yaml_and_json_of_the_folder_itself_are_read(checkout: Checkout) -> None:
    json = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "json"}}'
    checkout.write({"app/b.yml": config_map("b"), "app/a.yaml": config_map("a"), "app/c.json": json})
    checkout.write(
        {"app/README.md": "no manifest", "app/sub/d.yaml": config_map("d"), "e.yaml": config_map("e")}
    )
    assert rendered(checkout, "app") == [("a", "app/a.yaml"), ("b", "app/b.yml"), ("json", "app/c.json")]


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, ["a", "b"]),
        ({"recurse": True}, ["a", "b", "c", "d"]),
        ({"recurse": True, "include": "sub/*"}, ["c", "d"]),
        ({"recurse": True, "include": "{a,sub/c}.yaml"}, ["a", "c"]),
        ({"recurse": True, "exclude": "**/*.yaml"}, ["a", "b"]),
        ({"recurse": True, "include": "*", "exclude": "{b.yaml,sub/*}"}, ["a"]),
    ],
)
def test_recursion_and_globs_select_files(
    checkout: Checkout, options: dict[str, Any], names: list[str]
) -> None:
    checkout.write({"a.yaml": config_map("a"), "b.yaml": config_map("b")})
    checkout.write({"sub/c.yaml": config_map("c"), "sub/deep/d.yaml": config_map("d")})
    assert [name for name, _ in rendered(checkout, **options)] == names


def test_documents_are_separated_and_empty_ones_skipped(checkout: Checkout) -> None:
    checkout.write(
        {"a.yaml": f"---\n# nothing\n---\n{config_map('a')}---\n{config_map('b')}---\n", "b.yaml": ""}
    )
    assert [name for name, _ in rendered(checkout)] == ["a", "b"]


def test_a_list_is_expanded(checkout: Checkout) -> None:
    items = "".join(f"- {{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}}}}}\n" for name in "ab")
    checkout.write({"a.yaml": f"apiVersion: v1\nkind: List\nitems:\n{items}"})
    assert rendered(checkout) == [("a", "a.yaml"), ("b", "a.yaml")]


def test_a_file_that_asks_not_to_be_rendered_is_skipped(checkout: Checkout) -> None:
    checkout.write({"a.yaml": config_map("a"), "b.yaml": "# +argocd:skip-file-rendering\nvalues: only\n"})
    assert rendered(checkout) == [("a", "a.yaml")]


@pytest.mark.parametrize(
    ("text", "field", "problem"),
    [
        ("values: 1", "apiVersion", "is missing"),
        ("apiVersion: v1\nkind: 1\nmetadata: {name: a}", "kind", "not a text"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {}", "metadata.name", "is missing"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: a", "metadata.name", "is missing"),
        ("just text", "", "is not a manifest"),
        ("apiVersion: v1\nkind: List\nitems: [1]", "", "is not a manifest"),
    ],
)
def test_what_is_no_manifest_is_refused_by_file_and_field(
    checkout: Checkout, text: str, field: str, problem: str
) -> None:
    checkout.write({"app/a.yaml": text})
    with pytest.raises(InvalidInput) as caught:
        rendered(checkout, "app")
    assert (caught.value.file, caught.value.field) == ("app/a.yaml", field)
    assert problem in caught.value.problem


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("none", "is not in the repository"),
        ("a.yaml", "is a file"),
        ("..", "leaves the repository"),
        ("app/../../x", "leaves the repository"),
        ("/etc", "leaves the repository"),
        ("a\0b", "leaves the repository"),
        ("out", "is a link out of the repository"),
    ],
)
def test_a_path_stays_in_the_repository(checkout: Checkout, path: str, problem: str) -> None:
    checkout.write({"a.yaml": config_map("a"), "../outside/b.yaml": config_map("b")})
    (checkout.root / "out").symlink_to(checkout.root.parent / "outside")
    with pytest.raises(InvalidInput) as caught:
        rendered(checkout, path)
    assert problem in str(caught.value)
    assert str(checkout.root) not in str(caught.value)


@pytest.mark.parametrize("target", ["../../secret.yaml", "/etc/hostname", "loop.yaml"])
def test_a_link_out_of_the_repository_is_refused(checkout: Checkout, target: str) -> None:
    checkout.write({"app/a.yaml": config_map("a"), "../secret.yaml": config_map("secret")})
    (checkout.root / "app/loop.yaml").symlink_to(target)
    with pytest.raises(InvalidInput, match=r"app/loop\.yaml: is a link out of the repository"):
        rendered(checkout, "app")


def test_a_link_within_the_repository_is_followed(checkout: Checkout) -> None:
    checkout.write({"shared/a.yaml": config_map("a"), "app/b.yaml": config_map("b")})
    (checkout.root / "app/a.yaml").symlink_to("../shared/a.yaml")
    assert rendered(checkout, "app") == [("a", "app/a.yaml"), ("b", "app/b.yaml")]


def test_a_chart_is_refused_clearly(checkout: Checkout) -> None:
    checkout.write({"chart/Chart.yaml": "name: x", "chart/a.yaml": config_map("a")})
    with pytest.raises(InvalidInput, match="Helm charts are not supported yet"):
        rendered(checkout, "chart")


def test_braces_cannot_explode(checkout: Checkout) -> None:
    with pytest.raises(InvalidInput, match="too many alternatives"):
        rendered(checkout, include="{a,b}" * 10)
