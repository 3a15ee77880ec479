"""The gate tells what was delivered to a server, and makes happen there what a test wants."""

import json
import signal
import sys
from dataclasses import replace

import httpx
import pytest
import trio

from tests.oauth import client, consent, gate, oidc, turns
from tests.oauth.gate import digest
from tests.oauth.peer import CONFIDENTIAL

ASK_AND_WAIT = """
import sys, urllib.request
url, authorization, form = sys.argv[1:]
request = urllib.request.Request(url, form.encode(), {"Authorization": authorization})
urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).read()
"""


def before(peer, opened):
    """The same server as a client sees it through the gate."""
    return replace(peer, url=opened.url)


async def test_everything_works_through_a_gate_and_leads_back_to_it(peer):
    async with gate.opened(peer) as opened:
        seen = before(peer, opened)
        first = await client.authorise(seen)
        second = client.pair(await client.refresh(seen, first.refresh))
        assert (await client.records(seen, second.access)).json()["next"] == 2
        await client.introspect(seen, second.access)
        assert (await client.ask(seen, "revoke", token=second.access)).status_code == 200
    names = [each.name for each in opened.exchanges if each.name != "other"]
    # oidc-provider comes back to its authorize path; its consent page is the "other" one.
    rest = ["token", "token", "records", "introspect", "revoke"]
    assert names[-5:] == rest
    assert set(names[:-5]) == {"authorize"}
    assert all(each.returned for each in opened.exchanges)
    code, refresh = (each for each in opened.exchanges if each.name == "token")
    assert (code.grant, code.issued) == ("authorization_code", digest(first.refresh))
    assert (refresh.grant, refresh.issued) == ("refresh_token", digest(second.refresh))
    assert refresh.refresh == digest(first.refresh)


async def test_a_server_can_take_the_gate_s_address_for_its_own_name():
    async with gate.opened() as opened:
        with oidc.serving(issuer=opened.url) as peer:
            opened.lead_to(peer)
            async with httpx.AsyncClient(trust_env=False, verify=False) as connected:
                url = f"{opened.url}/.well-known/openid-configuration"
                said = (await connected.get(url)).json()
            assert said["issuer"] == opened.url
            assert said["token_endpoint"] == before(peer, opened).at("token")
            redirect = await consent.given(said["authorization_endpoint"] + query_of(peer))
            assert redirect.endswith(
                f"iss=http%3A%2F%2F127.0.0.1%3A{opened.url.rpartition(':')[2]}"
            )


def query_of(peer):
    return "?" + client.authorize_url(peer).partition("?")[2]


async def test_connections_are_kept_for_the_next_request(toolkit_peer):
    async with (
        gate.opened(toolkit_peer) as opened,
        httpx.AsyncClient(trust_env=False, verify=False) as connected,
    ):
        url = before(toolkit_peer, opened).at("records")
        answers = [await connected.request(method, url) for method in ("GET", "HEAD", "GET")]
        ports = {
            each.extensions["network_stream"].get_extra_info("client_addr") for each in answers
        }
    assert [each.status_code for each in answers] == [403, 403, 403]
    assert len(ports) == 1


async def test_the_books_count_deliveries_and_hold_no_token(toolkit_peer):
    async with gate.opened(toolkit_peer) as opened:
        seen = before(toolkit_peer, opened)
        first = await client.authorise(seen)
        assert opened.deliveries(first.refresh) == []
        second = client.pair(await client.refresh(seen, first.refresh))
        assert opened.deliveries(first.refresh) == [200]
        await client.refresh(seen, first.refresh)
        assert opened.ledger() == {digest(first.refresh): [200, 400]}
        await client.records(seen, second.access)
        await client.ask(seen, "revoke", token=second.refresh)
        *_, records, revoke = opened.exchanges
        assert records.bearer == digest(second.access)
        assert revoke.about == digest(second.refresh)
        written = repr(opened)
    for token in (first.refresh, second.access, second.refresh):
        assert token not in written
        assert digest(token) in written


# The client's side of each failure, as httpx names it, and what the server knows of it.

LOST_BEFORE = {
    "dropped": (turns.dropped(answered=False), httpx.RemoteProtocolError),
    "reset": (turns.dropped(answered=False, reset=True), httpx.ReadError),
    "babble": (turns.babbles(), httpx.RemoteProtocolError),
    "500": (turns.says(500), 500),
    "503": (turns.says(503, retry_after="7"), 503),
    "429": (turns.says(429, retry_after="7"), 429),
    "HTML": (turns.shows_html(), 200),
}
LOST_AFTER = {
    "dropped": (turns.dropped(answered=True), httpx.RemoteProtocolError),
    "reset": (turns.dropped(answered=True, reset=True), httpx.ReadError),
    "babble": (turns.babbles(answered=True), httpx.RemoteProtocolError),
    "truncated": (turns.truncated(20), httpx.RemoteProtocolError),
    "cut": (turns.cut(20), 200),
    "502": (turns.says(502, answered=True), 502),
    "HTML": (turns.shows_html(answered=True), 200),
}


async def outcome(peer, token):
    """What a refresh came to: a status, or the class of what httpx raised."""
    try:
        answer = await client.refresh(peer, token)
    except httpx.TransportError as error:
        return type(error)
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    return answer.status_code


@pytest.mark.parametrize("turn, expected", LOST_BEFORE.values(), ids=LOST_BEFORE)
async def test_what_fails_before_delivery_leaves_the_token_good(toolkit_peer, turn, expected):
    async with gate.opened(toolkit_peer) as opened:
        seen = before(toolkit_peer, opened)
        first = await client.authorise(seen)
        opened.next("token", turn)
        assert await outcome(seen, first.refresh) == expected
        assert opened.deliveries(first.refresh) == []
        assert (await client.refresh(seen, first.refresh)).status_code == 200
        assert opened.deliveries(first.refresh) == [200]


@pytest.mark.parametrize("turn, expected", LOST_AFTER.values(), ids=LOST_AFTER)
async def test_what_fails_after_delivery_has_consumed_the_token(toolkit_peer, turn, expected):
    async with gate.opened(toolkit_peer) as opened:
        seen = before(toolkit_peer, opened)
        first = await client.authorise(seen)
        opened.next("token", turn)
        assert await outcome(seen, first.refresh) == expected
        assert opened.deliveries(first.refresh) == [200]
        lost = opened.exchanges[-1]
        assert lost.issued is not None, "the server gave a pair that nobody has"
        assert (await client.introspect(seen, first.access)) == {"active": False}


async def test_headers_that_a_test_wants_are_sent(toolkit_peer):
    async with gate.opened(toolkit_peer) as opened:
        opened.next("records", turns.says(429, b"{}", retry_after="7"))
        answer = await client.records(before(toolkit_peer, opened), "any")
    assert answer.headers["retry-after"] == "7"
    assert answer.headers["content-type"] == "application/json"


async def test_a_plan_for_the_next_ones_goes_before_that_for_each_until_they_are_spared(
    toolkit_peer,
):
    async with gate.opened(toolkit_peer) as opened:
        seen = before(toolkit_peer, opened)
        opened.each("records", turns.says(500))
        opened.next("records", turns.says(501), turns.says(502))
        got = [(await client.records(seen, None)).status_code for _ in range(4)]
        opened.spare("records")
        got.append((await client.records(seen, None)).status_code)
    assert got == [501, 502, 500, 500, 403]


async def test_a_late_answer_was_the_server_s_long_ago(toolkit_peer):
    async with gate.opened(toolkit_peer) as opened:
        opened.next("records", turns.late(seconds=3600))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.records, before(toolkit_peer, opened), None)
            assert (await opened.reached("records-answered")).status == 403
            assert opened.count("records-returned") == 0
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize("answered", [False, True])
async def test_what_is_held_goes_on_when_it_is_released(toolkit_peer, answered):
    async with gate.opened(toolkit_peer) as opened:
        seen = before(toolkit_peer, opened)
        first = await client.authorise(seen)
        hold = turns.Hold(answered=answered)
        opened.next("token", hold)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.refresh, seen, first.refresh)
            held = await opened.reached("token-answered" if answered else "token-arrived", times=2)
            assert held.refresh == digest(first.refresh)
            assert held.delivered == answered
            assert opened.deliveries(first.refresh) == ([200] if answered else [])
            hold.release()
        assert held.returned
        assert opened.deliveries(first.refresh) == [200]


async def test_a_client_can_be_killed_between_the_server_s_answer_and_its_own_hearing(peer):
    async with gate.opened(peer) as opened:
        seen = before(peer, opened)
        first = await client.authorise(seen)
        opened.next("token", turns.Hold(answered=True))
        said = client.authentication(CONFIDENTIAL)["headers"]["Authorization"]
        form = f"grant_type=refresh_token&refresh_token={first.refresh}"
        process = await trio.lowlevel.open_process(
            [sys.executable, "-c", ASK_AND_WAIT, seen.at("token"), said, form]
        )
        answered = await opened.reached("token-answered", times=2)
        process.kill()
        assert await process.wait() == -signal.SIGKILL
        assert answered.status == 200
        assert not answered.returned
        assert opened.deliveries(first.refresh) == [200]
        assert await client.introspect(seen, first.refresh) == {"active": False}


async def test_a_server_that_is_gone_hangs_up_on_the_client(toolkit_peer):
    async with gate.opened(replace(toolkit_peer, url="http://127.0.0.1:1")) as opened:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.records(before(toolkit_peer, opened), None)
    assert not opened.exchanges[0].delivered
    assert opened.count("records-dropped") == 1


# The browser.


async def test_a_browser_brings_the_code_to_whoever_listens_at_the_redirect(peer):
    async with gate.opened(peer) as listener:
        listener.each(
            "other", turns.says(200, b"You may close this window.", content_type="text/plain")
        )
        redirect_uri = f"{listener.url}/callback"
        shown = await consent.delivered(client.authorize_url(peer, redirect_uri=redirect_uri))
    assert shown.text == "You may close this window."
    assert [each.path for each in listener.exchanges] == ["/callback"]


async def test_a_browser_that_is_shown_a_page_says_so(toolkit_peer):
    async with gate.opened(toolkit_peer) as opened:
        opened.next("authorize", turns.shows_html())
        with pytest.raises(AssertionError, match=r"200 instead of a redirect: .*Please log in"):
            await consent.given(client.authorize_url(before(toolkit_peer, opened)))


async def test_a_browser_does_not_follow_redirects_for_ever(toolkit_peer):
    async with gate.opened(toolkit_peer) as opened:
        opened.each("authorize", turns.says(302, location=toolkit_peer.paths.authorize))
        with pytest.raises(AssertionError, match="10 redirects"):
            await consent.given(client.authorize_url(before(toolkit_peer, opened)))
    assert opened.count("authorize-returned") == consent.HOPS_MAX
