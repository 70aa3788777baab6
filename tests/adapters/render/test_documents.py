"""What the reader takes from strangers' YAML and JSON, and what it refuses."""

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tidegate.adapters.render.documents import load_documents, load_manifests
from tidegate.domain.errors import InvalidInput

BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)
MERGE_BOMB = "a0: &a0 {x: 1, y: 2}\n" + "".join(
    f"a{n}: &a{n}\n  <<: [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("2020-01-01", "2020-01-01"),
        ("1:30", "1:30"),
        ("=", "="),
        ("yes", True),
        ("0755", 493),
        ("0x1F", 31),
        ("1e3", 1000.0),
        ("-1.5", -1.5),
        ("1_000", "1_000"),
        ("~", None),
        ("'12'", "12"),
    ],
)
def test_a_scalar_reads_as_kubernetes_reads_it(written: str, value: object) -> None:
    (document,) = load_documents(f"key: {written}".encode(), "a.yaml")
    assert document == {"key": value}
    assert type(document["key"]) is type(value)


def test_anchors_and_merge_keys_are_followed() -> None:
    text = b"base: &b {x: 1, y: 2}\nother: {<<: *b, y: 3}\n"
    assert load_documents(text, "a.yaml") == [{"base": {"x": 1, "y": 2}, "other": {"x": 1, "y": 3}}]


@pytest.mark.parametrize(
    ("file", "text", "problem"),
    [
        ("a.yaml", "a: 1\na: 2", "the key 'a' twice, again in line 2"),
        ("a.yaml", "x: {a: 1, b: 2, a: 3}", "the key 'a' twice"),
        ("a.json", '{"a": 1, "a": 2}', "the key 'a' twice"),
        ("a.yaml", "a: [1", "is not YAML: did not find expected"),
        ("a.yaml", "a: *nowhere", "undefined alias"),
        ("a.json", '{"a": }', "is not JSON"),
        ("a.json", "NaN", "no JSON number"),
        ("a.json", r'{"a": "\ud83d"}', "half of a character"),
        (
            "a.yaml",
            "a: !!python/object/apply:os.system [id]",
            "the tag 'tag:yaml.org,2002:python/object/apply:os.system'",
        ),
        ("a.yaml", "a: !!binary aGk=", "2002:binary' in line 1"),
        ("a.yaml", "a: !!set {x, y}", "JSON does not know"),
        ("a.yaml", "a: !Ref x", "the tag '!Ref'"),
        ("a.yaml", "a: !!bool x", "does not fit its tag"),
        ("a.yaml", "a: .inf", "no JSON number"),
        ("a.yaml", "1: x", "the key 1, which is no text"),
        ("a.yaml", "? [a, b]\n: x", "a key that is no text"),
        ("a.yaml", "a: &a [*a]", "an alias that contains itself"),
        ("a.yaml", BOMB, "once its aliases are followed"),
        ("a.yaml", MERGE_BOMB, "once its aliases are followed"),
        ("a.yaml", "[" * 5000, "nested deeper"),
        ("a.yaml", "[" * 101 + "]" * 101, "nested deeper"),
        ("a.json", "[" * 100_000, "is not JSON"),
        ("a.json", "[" * 200 + "]" * 200, "nested deeper"),
        ("a.yaml", "a: " + "9" * 5000, "is not YAML"),
        ("a.yaml", "a: " + "x" * 5_000_000, "larger than"),
    ],
)
def test_a_document_that_cannot_be_a_manifest_is_refused(file: str, text: str, problem: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        load_documents(text.encode(), file)
    assert caught.value.file == file
    assert problem in caught.value.problem


def test_text_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(InvalidInput, match="not YAML"):
        load_documents(b"a: \xff\xfe", "a.yaml")


YAML_LIKE = st.text(alphabet="ab01:-{}[],&*<!?|>'\"#%@` \n\t.=~", max_size=200)


@given(text=st.one_of(st.binary(max_size=200), YAML_LIKE.map(str.encode), st.text().map(str.encode)))
@example(text=b"!!int ''")
@example(text=b"!!float x")
@example(text=b"!!bool x")
@example(text=b"!!timestamp x")
@example(text=b"<<: 1")
@example(text=b"!!map [a]")
@example(text=b"!!omap [a: 1, b]")
@example(text=b"!!str {a: b}")
def test_arbitrary_text_raises_nothing_but_invalid_input(text: bytes) -> None:
    for file in ("a.yaml", "a.json"):
        with suppress(InvalidInput):
            list(load_manifests(text, file))
