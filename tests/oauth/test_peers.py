"""The two OAuth servers do what `rounds` counts on, and differ where it must not count on them."""

import base64
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import trio

from tests.oauth import client, consent, toolkit
from tests.oauth.client import INVALID_GRANT, LOOPBACK, VERIFIER, refusal
from tests.oauth.conftest import FORMS, HOUR_S, REFRESH_S
from tests.oauth.peer import CONFIDENTIAL, MACHINE


def query(url):
    return {name: values[-1] for name, values in parse_qs(urlsplit(url).query).items()}


async def at_once(peer, token, times):
    """Refresh one token so many times at once; the answers, successes first."""
    answers = []

    async def refresh():
        answers.append(await client.refresh(peer, token))

    async with trio.open_nursery() as nursery:
        for _ in range(times):
            nursery.start_soon(refresh)
    return sorted(answers, key=lambda answer: answer.status_code)


async def exchange(peer, code, **form):
    return await client.ask(
        peer,
        "token",
        grant_type="authorization_code",
        code=code,
        redirect_uri=LOOPBACK,
        **form,
    )


# How a grant begins.


async def test_a_get_of_the_authorize_url_ends_at_the_redirect_with_code_and_state(peer):
    redirect = await consent.given(client.authorize_url(peer))
    assert redirect.startswith(f"{LOOPBACK}?")
    assert query(redirect)["state"] == "a-state"
    assert query(redirect)["code"]


async def test_a_loopback_redirect_may_have_any_port_and_no_other_path(peer):
    elsewhere = LOOPBACK.replace("49152", "50001")
    url = client.authorize_url(peer, redirect_uri=elsewhere)
    assert (await consent.given(url)).startswith(f"{elsewhere}?code=")
    with pytest.raises(AssertionError, match="400 instead of a redirect"):
        await consent.given(client.authorize_url(peer, redirect_uri=LOOPBACK + "/other"))


async def test_the_redirect_names_the_issuer_at_one_and_not_at_the_other(toolkit_peer, oidc_peer):
    redirect = await consent.given(client.authorize_url(oidc_peer))
    assert query(redirect)["iss"] == oidc_peer.url
    assert "iss" not in query(await consent.given(client.authorize_url(toolkit_peer)))


async def test_without_a_challenge_there_is_no_code(peer):
    url = client.authorize_url(peer).replace("code_challenge", "no_challenge")
    redirect = query(await consent.given(url))
    assert redirect["error"] == "invalid_request"
    assert redirect["state"] == "a-state"
    assert "code" not in redirect


async def test_without_its_verifier_a_code_is_worth_nothing(peer):
    code = query(await consent.given(client.authorize_url(peer)))["code"]
    assert refusal(await exchange(peer, code, code_verifier=VERIFIER[::-1])) == INVALID_GRANT


async def test_a_code_is_good_once_and_at_oidc_the_second_try_kills_what_the_first_gave(
    toolkit_peer, oidc_peer
):
    for peer, status in ((toolkit_peer, 200), (oidc_peer, 401)):
        code = query(await consent.given(client.authorize_url(peer)))["code"]
        first = client.pair(await exchange(peer, code, code_verifier=VERIFIER))
        assert refusal(await exchange(peer, code, code_verifier=VERIFIER)) == INVALID_GRANT
        assert (await client.records(peer, first.access)).status_code == status


async def test_oidc_gives_a_refresh_token_only_where_consent_is_prompted_for(oidc_peer):
    """And says nothing of it but that the scope lacks `offline_access`."""
    unasked = replace(oidc_peer, authorize_with={})
    code = query(await consent.given(client.authorize_url(unasked)))["code"]
    said = (await exchange(oidc_peer, code, code_verifier=VERIFIER)).json()
    assert "refresh_token" not in said
    assert said["scope"] == "records"


# In which forms a client says who it is.


@FORMS
async def test_a_client_may_say_who_it_is_in_any_of_these_forms(peer, application, how):
    first = await client.authorise(peer, application, how)
    answer = await client.refresh(peer, first.refresh, application, how)
    second = client.pair(answer)
    assert {first.access, first.refresh}.isdisjoint({second.access, second.refresh})
    assert answer.json()["expires_in"] == HOUR_S
    assert answer.json()["token_type"] == "Bearer"
    assert (await client.records(peer, second.access)).status_code == 200


async def test_a_secret_in_basic_is_form_encoded_first(peer):
    plain = base64.b64encode(f"{CONFIDENTIAL.id}:{CONFIDENTIAL.secret}".encode()).decode()
    form = {"grant_type": "refresh_token", "refresh_token": "any"}
    async with httpx.AsyncClient(trust_env=False, verify=False) as connected:
        answer = await connected.post(
            peer.at("token"), data=form, headers={"Authorization": f"Basic {plain}"}
        )
    assert refusal(answer) == (401, "invalid_client")
    assert refusal(await client.ask(peer, "token", **form)) == INVALID_GRANT


@pytest.mark.parametrize("how", ["basic", "post"])
async def test_a_wrong_secret_is_not_a_dead_grant(peer, how):
    impostor = replace(CONFIDENTIAL, secret="another")
    pair = await client.authorise(peer)
    answer = await client.refresh(peer, pair.refresh, impostor, how)
    assert refusal(answer) == (401, "invalid_client")
    assert (await client.refresh(peer, pair.refresh)).status_code == 200


@pytest.mark.parametrize("how", ["basic", "post"])
async def test_client_credentials_give_an_access_token_and_no_other(peer, how):
    form = {"grant_type": "client_credentials", "scope": "records"}
    answer = await client.ask(peer, "token", MACHINE, how=how, **form)
    assert answer.status_code == 200
    assert "refresh_token" not in answer.json()
    access = answer.json()["access_token"]
    assert (await client.records(peer, access)).status_code == 200
    peer.ahead(HOUR_S + 1)
    assert (await client.records(peer, access)).status_code in (401, 403)


# What refreshing does.


async def test_the_old_access_token_dies_at_the_toolkit_and_lives_on_at_oidc(
    toolkit_peer, oidc_peer
):
    for peer, status in ((toolkit_peer, 403), (oidc_peer, 200)):
        first = await client.authorise(peer)
        second = client.pair(await client.refresh(peer, first.refresh))
        assert (await client.records(peer, first.access)).status_code == status
        assert (await client.records(peer, second.access)).status_code == 200


async def test_an_old_refresh_token_kills_the_whole_grant(peer):
    first = await client.authorise(peer)
    second = client.pair(await client.refresh(peer, first.refresh))
    assert refusal(await client.refresh(peer, first.refresh)) == INVALID_GRANT
    assert (await client.records(peer, second.access)).status_code in (401, 403)
    assert refusal(await client.refresh(peer, second.refresh)) == INVALID_GRANT


async def test_one_grant_s_death_is_not_another_s(peer):
    killed, spared = await client.authorise(peer), await client.authorise(peer)
    await client.refresh(peer, killed.refresh)
    assert refusal(await client.refresh(peer, killed.refresh)) == INVALID_GRANT
    assert (await client.records(peer, spared.access)).status_code == 200
    assert (await client.refresh(peer, spared.refresh)).status_code == 200


async def test_of_four_refreshes_at_once_one_wins_and_its_token_is_dead_too(peer):
    first = await client.authorise(peer)
    won, *lost = await at_once(peer, first.refresh, 4)
    assert [refusal(each) for each in lost] == [INVALID_GRANT] * 3
    second = client.pair(won)
    assert refusal(await client.refresh(peer, second.refresh)) == INVALID_GRANT
    assert (await client.records(peer, second.access)).status_code in (401, 403)


async def test_unknown_used_expired_and_revoked_refresh_tokens_are_refused_alike(peer):
    used, expired, revoked = [(await client.authorise(peer)).refresh for _ in range(3)]
    await client.refresh(peer, used)
    answer = await client.ask(peer, "revoke", token=revoked, token_type_hint="refresh_token")
    assert answer.status_code == 200
    refused = [await client.refresh(peer, token) for token in ("unknown", used, revoked)]
    peer.ahead(REFRESH_S + HOUR_S + 1)  # the toolkit counts from the access token's end
    refused.append(await client.refresh(peer, expired))
    assert [refusal(each) for each in refused] == [INVALID_GRANT] * 4
    assert len({each.text for each in refused}) == 1


async def test_in_its_grace_the_toolkit_gives_the_same_pair_to_all_who_ask():
    with toolkit.serving(grace_s=60) as peer:
        first = await client.authorise(peer)
        answers = await at_once(peer, first.refresh, 4)
        (second,) = {client.pair(each) for each in answers}
        assert client.pair(await client.refresh(peer, first.refresh)) == second
        assert (await client.records(peer, second.access)).status_code == 200

        third = client.pair(await client.refresh(peer, second.refresh))
        assert refusal(await client.refresh(peer, first.refresh)) == INVALID_GRANT
        assert refusal(await client.refresh(peer, third.refresh)) == INVALID_GRANT, (
            "once the successor was used, its predecessor kills, grace or not"
        )


async def test_after_its_grace_the_toolkit_kills_as_without_one():
    with toolkit.serving(grace_s=60) as peer:
        first = await client.authorise(peer)
        second = client.pair(await client.refresh(peer, first.refresh))
        peer.ahead(61)
        assert refusal(await client.refresh(peer, first.refresh)) == INVALID_GRANT
        assert refusal(await client.refresh(peer, second.refresh)) == INVALID_GRANT


async def test_without_reuse_protection_an_old_refresh_token_harms_nothing():
    with toolkit.serving(reuse_protection=False) as peer:
        first = await client.authorise(peer)
        second = client.pair(await client.refresh(peer, first.refresh))
        assert refusal(await client.refresh(peer, first.refresh)) == INVALID_GRANT
        assert (await client.refresh(peer, second.refresh)).status_code == 200
