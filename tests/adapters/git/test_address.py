"""Which repository addresses are accepted, and that no address shows a secret."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.adapters.git import RepositoryAddress, redact_url
from tidegate.domain.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "transport", "url", "host"),
    [
        ("https://Git.Example/a/b.git/", "https", "https://git.example/a/b.git", "git.example"),
        ("https://git.example:8443/a", "https", "https://git.example:8443/a", "git.example:8443"),
        ("https://ann@git.example/a", "https", "https://git.example/a", "git.example"),
        ("ssh://git@git.example:2222/a", "ssh", "ssh://git@git.example:2222/a", "git.example:2222"),
        ("git@git.example:team/a.git", "ssh", "git@git.example:team/a.git", "git.example"),
        ("https://[::1]:8443/a", "https", "https://[::1]:8443/a", "[::1]:8443"),
        ("file:///srv/a", "file", "file:///srv/a", ""),
        ("/srv/a", "file", "/srv/a", ""),
    ],
)
def test_an_allowed_address_is_normalised(text: str, transport: str, url: str, host: str) -> None:
    address = RepositoryAddress.parse(text)
    assert (address.transport, address.url, address.host) == (transport, url, host)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "relative/path",
        "--upload-pack=touch /tmp/x",
        "-oProxyCommand=x",
        "ext::sh -c touch% /tmp/x",
        "ext::sh",
        "http://git.example/a",
        "git://git.example/a",
        "ftp://git.example/a",
        "file::///srv/a",
        "ssh://-oProxyCommand=x/a",
        "ssh://-x@host/a",
        "-x@host:a",
        "git@-oProxyCommand=x:a",
        "git@host:-x",
        "git@host::x",
        "file://elsewhere/srv/a",
        "https:///a",
        "https://git.example/a?token=x",
        "https://git.example/a/../b",
        "https://git.example/a/%2e%2e/b",
        "https://git.example:port/a",
        "https://git.example/a\nb",
        "https://ann%0Ab@git.example/a",
        "ssh://git:s3cret@git.example/a",
    ],
)
def test_every_other_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        RepositoryAddress.parse(text)
    assert caught.value.field == "spec.source.repoURL"


def test_two_repositories_never_share_a_folder() -> None:
    urls = ["https://a.example/x-y", "https://a.example/x/y", "/a.example/x/y"]
    assert len({RepositoryAddress.parse(url).folder for url in urls}) == len(urls)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://git.example/a", "https://git.example/a"),
        ("https://ann:s3cret@git.example/a", "https://***@git.example/a"),
        ("https://token@git.example/a", "https://***@git.example/a"),
        ("ssh://git@git.example/a", "ssh://git@git.example/a"),
        ("ssh://git:s3cret@git.example/a", "ssh://***@git.example/a"),
        ("git@git.example:a", "git@git.example:a"),
        ("https://git.example/a?token=s3cret", "https://git.example/a?***"),
    ],
)
def test_a_shown_url_has_no_secret(url: str, shown: str) -> None:
    assert redact_url(url) == shown


@given(scheme=st.sampled_from(["https", "ssh", "HTTPS", "http", "ftp"]), user=st.text(), password=st.text())
def test_a_password_never_passes_redaction(scheme: str, user: str, password: str) -> None:
    assert redact_url(f"{scheme}://{user}:{password}@host/path") == f"{scheme}://***@host/path"


@given(text=st.text())
def test_any_text_is_accepted_or_refused(text: str) -> None:
    with suppress(InvalidInput):
        assert RepositoryAddress.parse(text).url


@pytest.mark.parametrize("scheme", ["https", "ssh", "ftp"])
@given(password=st.text(alphabet="abcdefgh/@:#?% "))
def test_a_password_in_a_url_is_refused_and_not_shown(scheme: str, password: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        RepositoryAddress.parse(f"{scheme}://ann:S3{password}3S@host/path")
    assert f"S3{password}3S" not in str(caught.value)


def test_a_refused_password_is_told_where_to_go() -> None:
    with pytest.raises(InvalidInput, match=r"carries a password; name it by git\.credentials\."):
        RepositoryAddress.parse("https://ann:s3cret@git.example/a")


@pytest.mark.parametrize(
    "token",
    ["ghp_16C7e42F292c6912E7710c838347Ae178B4a", "glpat-x1", "github_pat_x1", "0123456789abcdef" * 2],
)
def test_a_token_in_place_of_a_user_is_refused(token: str) -> None:
    with pytest.raises(InvalidInput, match="carries what looks like a token") as caught:
        RepositoryAddress.parse(f"https://{token}@git.example/a")
    assert token not in str(caught.value)


@pytest.mark.parametrize(
    "user", ["ann", "x-token-auth", "my-organisation", "build-and-release-automation-robot"]
)
def test_a_plain_user_is_no_token(user: str) -> None:
    assert RepositoryAddress.parse(f"https://{user}@git.example/a").username == user
