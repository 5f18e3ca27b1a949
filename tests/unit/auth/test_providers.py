"""The table of OAuth2 providers, and how a login through one starts."""

from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from worker.auth import providers
from worker.schema.authcheck import PROVIDERS
from worker.schema.options import Provider

GOOGLE = Provider(name="google", client_id="a b&c", client_secret="s")


def params(address: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(address).query, keep_blank_values=True))


def test_a_collection_may_have_what_is_in_the_table() -> None:
    assert {known.name for known in providers.PROVIDERS} == PROVIDERS
    assert len(providers.BY_NAME) == len(providers.PROVIDERS)


def test_all_are_listed_with_a_logo_of_ours() -> None:
    listed = providers.listed()
    assert [item["name"] for item in listed][:3] == ["apple", "google", "microsoft"]
    assert [item["name"] for item in listed][-3:] == ["oidc", "oidc2", "oidc3"]
    for item in listed:
        assert item["logo"].startswith("<svg ")
        assert f">{item['displayName'][0].upper()}</text>" in item["logo"]
        assert len(item["logo"]) < 400


def test_the_challenge_of_the_rfc() -> None:
    # RFC 7636, appendix B
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert providers.challenge_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_a_start() -> None:
    start = providers.login_of(GOOGLE)
    assert start is not None
    asked = params(start["authURL"])
    assert start["authURL"].endswith("&redirect_uri=")
    assert (asked["client_id"], asked["state"]) == ("a b&c", start["state"])
    assert asked["code_challenge"] == providers.challenge_of(start["codeVerifier"]) == start["codeChallenge"]
    assert (len(start["state"]), len(start["codeVerifier"])) == (30, 43)
    assert "s" not in asked.values(), "the secret stays here"
    again = providers.login_of(GOOGLE)
    assert again is not None
    assert {start[key] for key in ("state", "codeVerifier")}.isdisjoint({again["state"], again["codeVerifier"]})


@pytest.mark.parametrize(
    ("name", "pkce", "used"),
    [("google", None, True), ("google", False, False), ("vk", None, False), ("vk", True, True), ("apple", None, True)],
)
def test_pkce_is_the_providers_unless_configured(name: str, pkce: bool | None, used: bool) -> None:
    start = providers.login_of(msgspec.structs.replace(GOOGLE, name=name, pkce=pkce))
    assert start is not None
    assert bool(start["codeVerifier"]) == used
    assert ("code_challenge" in params(start["authURL"])) == used
    assert start["codeChallengeMethod"] == ("S256" if used else "")


@pytest.mark.parametrize(
    ("configured", "beginning"),
    [
        ("", "?client_id="),
        ("https://x.com/a", "https://x.com/a?client_id="),
        ("https://x.com/a?b=1", "https://x.com/a?b=1&"),
    ],
)
def test_the_configured_address_comes_first(configured: str, beginning: str) -> None:
    start = providers.login_of(msgspec.structs.replace(GOOGLE, name="oidc", auth_url=configured))
    assert start is not None
    assert start["authURL"].startswith(beginning)
    assert start["authUrl"] == start["authURL"]


def test_one_that_nobody_knows_any_more_has_no_start() -> None:
    assert providers.login_of(msgspec.structs.replace(GOOGLE, name="gone")) is None
