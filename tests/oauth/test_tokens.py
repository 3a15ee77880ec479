"""What can be learnt of a token by using it or asking about it, and that asking changes nothing."""

from dataclasses import replace

import pytest

from tests.oauth import client
from tests.oauth.client import refusal
from tests.oauth.conftest import FORMS, HOUR_S
from tests.oauth.peer import CONFIDENTIAL, PAGE_ITEMS, PAGES, PUBLIC

# What an access token that is no good gets.


@pytest.mark.parametrize("why", ["expired", "unknown", "missing"])
async def test_the_toolkit_refuses_with_403_and_not_a_word(toolkit_peer, why):
    answer = await client.records(toolkit_peer, await bad_access(toolkit_peer, why))
    assert answer.status_code == 403
    assert "www-authenticate" not in answer.headers
    assert answer.content == b""


@pytest.mark.parametrize("why", ["expired", "unknown", "missing"])
async def test_oidc_refuses_with_401_and_says_why(oidc_peer, why):
    answer = await client.records(oidc_peer, await bad_access(oidc_peer, why))
    assert answer.status_code == 401
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith(f'Bearer realm="{oidc_peer.url}"')
    assert ('error="invalid_token"' in challenge) == (why != "missing")


async def bad_access(peer, why):
    match why:
        case "expired":
            access = (await client.authorise(peer)).access
            assert (await client.records(peer, access)).status_code == 200
            peer.ahead(HOUR_S)
            return access
        case "unknown":
            return "unknown"
    return None


async def test_records_come_in_pages(peer):
    access = (await client.authorise(peer)).access
    page, ids = 1, []
    while page is not None:
        said = (await client.records(peer, access, page)).json()
        ids += [item["id"] for item in said["items"]]
        page = said["next"]
    assert ids == list(range(PAGES * PAGE_ITEMS))


# What asking about a token tells.


@FORMS
@pytest.mark.parametrize("hint", [None, "refresh_token", "access_token"])
async def test_oidc_tells_a_live_refresh_token_from_a_used_one(oidc_peer, application, how, hint):
    first = await client.authorise(oidc_peer, application, how)
    asked = await client.introspect(oidc_peer, first.refresh, hint, application, how)
    assert asked["active"] is True
    assert asked["client_id"] == application.id
    assert "token_type" not in asked
    second = client.pair(await client.refresh(oidc_peer, first.refresh, application, how))
    for _ in range(2):
        asked = await client.introspect(oidc_peer, first.refresh, hint, application, how)
        assert asked == {"active": False}
    asked = await client.introspect(oidc_peer, second.refresh, hint, application, how)
    assert asked["active"] is True
    assert (await client.refresh(oidc_peer, second.refresh, application, how)).status_code == 200


@pytest.mark.parametrize("how", ["basic", "post"])
@pytest.mark.parametrize("hint", [None, "refresh_token", "access_token"])
async def test_the_toolkit_calls_every_refresh_token_inactive(toolkit_peer, how, hint):
    """It looks among access tokens only, whatever the hint: its word on a refresh token is none."""
    pair = await client.authorise(toolkit_peer)
    for token in (pair.refresh, "unknown"):
        asked = await client.introspect(toolkit_peer, token, hint, how=how)
        assert asked == {"active": False}
    assert (await client.refresh(toolkit_peer, pair.refresh)).status_code == 200


async def test_at_the_toolkit_the_old_access_token_tells_whether_a_refresh_was_done(toolkit_peer):
    """While it would live: rotation deletes it. After its time it is inactive either way."""
    first = await client.authorise(toolkit_peer)
    assert (await client.introspect(toolkit_peer, first.access))["active"] is True
    second = client.pair(await client.refresh(toolkit_peer, first.refresh))
    assert (await client.introspect(toolkit_peer, first.access)) == {"active": False}
    assert (await client.introspect(toolkit_peer, second.access))["active"] is True
    toolkit_peer.ahead(HOUR_S)
    assert (await client.introspect(toolkit_peer, second.access)) == {"active": False}
    assert (await client.refresh(toolkit_peer, second.refresh)).status_code == 200


async def test_a_dead_grant_s_tokens_are_inactive(peer):
    first = await client.authorise(peer)
    second = client.pair(await client.refresh(peer, first.refresh))
    await client.refresh(peer, first.refresh)
    for token in (first.refresh, second.refresh, second.access):
        assert await client.introspect(peer, token) == {"active": False}


async def test_who_may_not_ask_is_told_so_each_in_its_way(toolkit_peer, oidc_peer):
    impostor = replace(CONFIDENTIAL, secret="another")
    answer = await client.ask(toolkit_peer, "introspect", impostor, token="any")
    assert (answer.status_code, answer.content) == (403, b"")
    answer = await client.ask(toolkit_peer, "introspect", PUBLIC, token="any")
    assert (answer.status_code, answer.content) == (403, b"")
    answer = await client.ask(oidc_peer, "introspect", impostor, token="any")
    assert refusal(answer) == (401, "invalid_client")


async def test_revoking_a_refresh_token_ends_its_access_token_too(peer):
    pair = await client.authorise(peer)
    form = {"token": pair.refresh, "token_type_hint": "refresh_token"}
    assert (await client.ask(peer, "revoke", **form)).status_code == 200
    assert (await client.records(peer, pair.access)).status_code in (401, 403)
    assert (await client.ask(peer, "revoke", **form)).status_code == 200, "once more is no error"
