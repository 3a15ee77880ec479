"""Tokens are refreshed when they must be, once, and whatever goes wrong there loses no grant."""

import json
import shutil
import signal
from dataclasses import replace

import pytest
import trio

from tests.e2e import accounts, faults
from tests.e2e.accounts import CONNECTION, RECORDS
from tests.e2e.daemon import TOLERANT, Home, refused, running
from tests.oauth import client, gate, oidc, toolkit, turns
from tests.oauth.gate import passing
from tests.oauth.peer import CONFIDENTIAL, MACHINE, Application

HOUR_S = 3600  # how long an access token lives at both servers
GRACE_S = 3600
SOON = "2h"  # longer than that
OTHER = "umbrella/health"


@pytest.fixture(scope="module")
def toolkit_peer():
    with toolkit.serving(access_s=HOUR_S) as peer:
        yield peer


@pytest.fixture(scope="module")
def lenient_peer():
    """The toolkit, where an old refresh token is answered for a while with what it gave."""
    with toolkit.serving(access_s=HOUR_S, grace_s=GRACE_S) as peer:
        yield peer


@pytest.fixture(scope="module")
def oidc_peer():
    with oidc.serving(access_s=HOUR_S) as peer:
        yield peer


@pytest.fixture(params=["toolkit", "oidc"])
def peer(request):
    """Either server: what holds for both."""
    return request.getfixturevalue(f"{request.param}_peer")


@pytest.fixture
async def opened(peer):
    async with gate.opened(peer) as opened:
        yield opened


def prepare(home, peer, opened, *connections, tokens=None, sync=None, policy=None, **auth):
    accounts.declare(home, peer, opened, **auth)
    home.configure(
        *(connections or [CONNECTION]),
        tokens=tokens or {},
        sync={"interval": "7d", **(sync or {})},
        policy=policy or {},
    )


async def begin(daemon, *connections):
    """Introduce ourselves, authorise, and let the first syncs succeed."""
    await accounts.introduce(daemon)
    for each in connections or [CONNECTION]:
        ending = await accounts.settled(daemon, each)
        assert ending["event"] == "sync-succeeded", ending


async def sync(daemon, connection=CONNECTION, **options):
    """Sync now, with options for this run alone; how it ended."""
    (request,) = (await daemon.tell("sync", connection, **options))["events"]
    started = await daemon.said("sync-started", request=request)
    return await daemon.ending(started["seq"])


async def succeeds(daemon, connection=CONNECTION, **options):
    ending = await sync(daemon, connection, **options)
    assert ending["event"] == "sync-succeeded", ending


async def refused_sync(daemon, opened, *turns_of_token):
    """Sync with an access token that is no longer taken, and ask for another; how it ended."""
    opened.next("records", turns.says(401))
    opened.next("token", *turns_of_token)
    return await sync(daemon)


async def grant(daemon, connection=CONNECTION):
    return (await accounts.shown(daemon, connection))["grant"]


def refreshes(opened):
    """The refreshes that the server was asked for."""
    return [each for each in opened.exchanges if each.grant == "refresh_token"]


def ids(home, tenant="acme"):
    return sorted(row["id"] for row in home.view(accounts.VIEW, tenant))


# -- when it is refreshed -------------------------------------------------------------------------


@pytest.mark.requirement("C2")
async def test_a_token_that_runs_out_in_mid_sync_is_refreshed_once_and_its_page_asked_again(
    home, peer, opened
):
    """The toolkit says so with 403 and not a word."""

    async def too_late(exchange, forward):
        peer.ahead(HOUR_S)
        return await forward()

    prepare(home, peer, opened)
    async with running(home) as daemon:
        await begin(daemon)
        before = len(opened.exchanges)
        opened.next("records", passing, too_late)
        await succeeds(daemon)
        assert await daemon.stop() == 0
    first, second, new, again, last = opened.exchanges[before:]
    refusal = 403 if accounts.is_toolkit(peer) else 401
    assert [each.status for each in (first, second, new, again, last)] == [200, refusal] + 3 * [200]
    assert (new.name, new.grant) == ("token", "refresh_token")
    assert first.bearer == second.bearer != again.bearer == last.bearer
    assert ids(home) == RECORDS
    events = home.log()
    accounts.check_story(events)
    (call,) = accounts.of(events, "call-failed")
    assert (call["cause"], call["status"]) == ("auth", refusal)
    (intended,) = accounts.of(events, "refresh-intended")
    assert intended["reason"] == "refused"


@pytest.mark.requirement("C2")
async def test_a_token_that_is_refused_however_new_it_is_ends_the_sync_and_not_the_grant(
    home, peer, opened
):
    prepare(home, peer, opened)
    async with running(home) as daemon:
        await begin(daemon)
        opened.each("records", turns.says(401))
        ending = await sync(daemon)
        assert (ending["event"], ending["cause"]) == ("sync-failed", "auth")
        assert len(refreshes(opened)) == 1
        opened.spare("records")
        await succeeds(daemon)
        assert (await grant(daemon))["phase"] == "good"
        assert await daemon.stop() == 0


THRESHOLDS = [
    ({}, {}, 0),  # five minutes by hand
    ({"refresh_before_manual": SOON}, {}, 1),
    ({"refresh_before": SOON}, {}, 1),  # the first, scheduled one
    ({}, {"threshold": SOON}, 1),
    ({"refresh_before_manual": SOON}, {"threshold": "1s"}, 0),
    ({"refresh_before": "50m", "refresh_before_manual": "50m"}, {"threshold": "59m"}, 0),
]


@pytest.mark.requirement("C1")
@pytest.mark.requirement("C7")
@pytest.mark.parametrize("tokens, options, count", THRESHOLDS)
async def test_a_token_is_refreshed_just_if_it_is_not_good_for_long_enough(
    home, toolkit_peer, tokens, options, count
):
    async with gate.opened(toolkit_peer) as opened:
        prepare(home, toolkit_peer, opened, tokens=tokens)
        async with running(home) as daemon:
            await begin(daemon)
            await succeeds(daemon, **options)
            shown = await grant(daemon)
            assert await daemon.stop() == 0
    assert len(refreshes(opened)) == count
    assert shown["refreshes"] == count
    assert (shown["refreshed_at"] is not None) == bool(count), "C9: kept with the connection"
    assert shown["generation"] == 1 + count


@pytest.mark.requirement("C2")
async def test_a_slow_token_endpoint_holds_nobody_else_up(home, peer, opened):
    prepare(home, peer, opened, CONNECTION, OTHER)
    async with running(home) as daemon:
        await begin(daemon, CONNECTION, OTHER)
        hold = turns.Hold(answered=True)
        opened.next("token", hold)
        asked = opened.count("token-answered") + 1
        (request,) = (await daemon.tell("sync", CONNECTION, threshold=SOON))["events"]
        await opened.reached("token-answered", asked)
        for _ in range(3):
            await succeeds(daemon, OTHER, threshold=SOON)
        shown = await accounts.shown(daemon)
        assert (shown["state"], shown["grant"]["phase"]) == ("running", "refreshing")
        hold.release()
        started = await daemon.said("sync-started", request=request)
        assert (await daemon.ending(started["seq"]))["event"] == "sync-succeeded"
        opened.next("token", turns.late(1.2))
        await succeeds(daemon, threshold=SOON)
        assert await daemon.stop() == 0
    assert {tuple(each) for each in opened.ledger().values()} == {(200,)}


@pytest.mark.requirement("C2")
async def test_wishes_during_a_refresh_cause_no_second_one(home, peer, opened):
    prepare(home, peer, opened, tokens={"refresh_before": SOON})
    async with running(home) as daemon:
        await accounts.introduce(daemon)
        hold = turns.Hold(answered=True)
        opened.next("token", passing, hold)  # the code's exchange, and the first sync's refresh
        await accounts.authorise(daemon)
        await opened.reached("token-answered", 2)
        (request,) = (await daemon.tell("sync", CONNECTION))["events"]
        assert (await daemon.tell("sync", CONNECTION))["events"] == []
        hold.release()
        started = await daemon.said("sync-started", request=request)
        assert (await daemon.ending(started["seq"]))["event"] == "sync-succeeded"
        assert await daemon.stop() == 0
    kinds = [each["kind"] for each in accounts.of(home.log(), "sync-started")]
    assert kinds == ["scheduled", "manual"]
    assert len(refreshes(opened)) == 1


@pytest.mark.requirement("C2")
async def test_a_sync_while_somebody_authorises_waits_for_the_new_pair(home, peer, opened):
    prepare(home, peer, opened)
    async with running(home) as daemon:
        await begin(daemon)
        old = accounts.sealed(home)
        hold = turns.Hold(answered=True)
        opened.next("token", hold)
        asked = opened.count("token-answered") + 1
        async with trio.open_nursery() as nursery:
            nursery.start_soon(accounts.authorise, daemon)
            await opened.reached("token-answered", asked)
            (request,) = (await daemon.tell("sync", CONNECTION, threshold=SOON))["events"]
            started = await daemon.said("sync-started", request=request)
            await succeeds_elsewhere(daemon)
            assert opened.count("token-arrived") == asked, "it waits for its turn"
            hold.release()
        assert (await daemon.ending(started["seq"]))["event"] == "sync-succeeded"
        shown = await grant(daemon)
        assert await daemon.stop() == 0
    assert opened.deliveries(old.refresh.reveal()) == []
    assert [each.status for each in refreshes(opened)] == [200], "the new pair is refreshed once"
    assert shown["generation"] == 3
    accounts.check_story(home.log())


async def succeeds_elsewhere(daemon):
    """The daemon answers meanwhile."""
    assert (await daemon.ask("status"))["running"] == 1


# -- a grant that is over -------------------------------------------------------------------------


@pytest.mark.requirement("C3")
@pytest.mark.requirement("B7")
async def test_a_grant_that_is_refused_rests_until_a_person_authorises_and_keeps_its_past(
    home, peer, opened
):
    prepare(home, peer, opened)
    async with running(home) as daemon:
        await begin(daemon)
        token = accounts.sealed(home).refresh.reveal()
        answer = await client.ask(peer, "revoke", token=token, token_type_hint="refresh_token")
        assert answer.status_code == 200
        ending = await sync(daemon, threshold=SOON)
        assert (ending["event"], ending["cause"]) == ("sync-failed", "auth")
        assert "rounds connection authorize" in ending["message"]
        shown = await accounts.shown(daemon)
        assert (shown["state"], shown["next_start"]) == ("unauthorised", None)
        assert (shown["grant"]["reason"], shown["grant"]["error"]) == ("refused", "invalid_grant")
        await is_refused(daemon)
        so_far = len(opened.exchanges)
        assert await daemon.stop() == 0
    assert opened.deliveries(token) == [400]
    async with running(home) as daemon:
        await is_refused(daemon)
        assert ids(home) == RECORDS, "what was fetched stays"
        assert len(opened.exchanges) == so_far, "nothing more is sent"
        ending = await accounts.settled(daemon)
        assert ending["event"] == "sync-succeeded"
        shown = await accounts.shown(daemon)
        assert (shown["total"], shown["successful"], shown["failed"]) == (3, 2, 1)
        assert shown["grant"]["refreshes"] == 0
        assert await daemon.stop() == 0
    accounts.check_story(home.log())


async def is_refused(daemon):
    answer = await daemon.call("POST", "sync", json={"connection": CONNECTION})
    assert (answer.status_code, answer.json()["code"]) == (409, "not-authorised")
    assert f"rounds connection authorize {CONNECTION}" in answer.json()["message"]


@pytest.mark.requirement("C3")
async def test_a_wrong_secret_of_ours_deactivates_nothing_and_is_named(home, peer, opened):
    prepare(home, peer, opened)
    impostor = Application(id=CONFIDENTIAL.id, secret="another")
    async with running(home) as daemon:
        await begin(daemon)
        await accounts.introduce(daemon, impostor)
        ending = await refused_sync(daemon, opened)
        assert ending["event"] == "sync-failed"
        assert "our application's id and secret" in ending["message"]
        assert "rounds provider client" in ending["message"]
        shown = await grant(daemon)
        assert (shown["phase"], shown["generation"]) == ("good", 1)
        await accounts.introduce(daemon)
        await succeeds(daemon, threshold=SOON)
        assert await daemon.stop() == 0
    assert sorted(map(tuple, opened.ledger().values())) == [(401, 200)]


async def test_without_a_client_nobody_is_sent_anywhere(home, toolkit_peer):
    async with gate.opened(toolkit_peer) as opened:
        prepare(home, toolkit_peer, opened)
        async with running(home) as daemon:
            answer = await daemon.call("POST", "authorize-begin", json={"connection": CONNECTION})
            assert answer.json()["code"] == "no-client"
            assert "rounds provider client" in answer.json()["message"]
            assert await daemon.stop() == 0
    assert not opened.exchanges


# -- what goes wrong on the way -------------------------------------------------------------------


def error(code):
    return json.dumps({"error": code}).encode()


WHOLE = {
    "500": (turns.says(500), "server"),
    "500 with a page": (turns.shows_html(500), "server"),
    "503": (turns.says(503, retry_after="7"), "server"),
    "429": (turns.says(429, retry_after="7"), "rate-limited"),
    "400 of another kind": (turns.says(400, error("invalid_request")), "invalid"),
    "temporarily": (turns.says(400, error("temporarily_unavailable")), "invalid"),
}
"""Answers that came whole: none of them used a token up."""

NEVER_THERE = {
    "hung up": turns.dropped(answered=False),
    "reset": turns.dropped(answered=False, reset=True),
    "babble": turns.babbles(),
    "a page": turns.shows_html(),
    "no token in it": turns.says(200, b'{"hello": "world"}'),
    "nothing in it": turns.says(200, b""),
    "a gateway": turns.shows_html(502),
}
LOST = {
    "hung up": turns.dropped(answered=True),
    "reset": turns.dropped(answered=True, reset=True),
    "babble": turns.babbles(answered=True),
    "truncated": turns.truncated(20),
    "cut": turns.cut(20),
    "a page": turns.shows_html(answered=True),
    "a gateway": turns.shows_html(504, answered=True),
    "a gateway's own code": turns.shows_html(524, answered=True),
}


@pytest.mark.requirement("C3")
async def test_a_server_that_fails_is_no_refusal(home, peer, opened):
    prepare(home, peer, opened, in_doubt="ask")
    async with running(home) as daemon:
        await begin(daemon)
        for number, (name, (turn, cause)) in enumerate(WHOLE.items(), 1):
            ending = await refused_sync(daemon, opened, turn)
            assert (ending["event"], ending["cause"]) == ("sync-failed", cause), name
            shown = await grant(daemon)
            assert (shown["phase"], shown["generation"]) == ("good", number), name
            await succeeds(daemon, threshold=SOON)
        assert await daemon.stop() == 0
    failed = accounts.of(home.log(), "sync-failed")
    waits = [each["failures"][0]["retry_after"] for each in failed]
    assert waits == [None, None, "PT7S", "PT7S", None, None]
    assert all(each["message"].startswith("no token came: ") for each in failed)
    assert {tuple(each) for each in opened.ledger().values()} == {(200,)}
    accounts.check_story(home.log())


@pytest.mark.requirement("C3")
async def test_while_a_token_is_good_a_refresh_that_fails_stops_no_sync(home, peer, opened):
    prepare(home, peer, opened)
    async with running(home) as daemon:
        await begin(daemon)
        for turn, _ in WHOLE.values():
            opened.next("token", turn)
            await succeeds(daemon, threshold=SOON)
        assert await daemon.stop() == 0
    assert len(accounts.of(home.log(), "refresh-failed")) == len(WHOLE)
    accounts.check_story(home.log())


async def test_a_host_that_is_not_there_has_seen_no_token(home, toolkit_peer):
    async with gate.opened(toolkit_peer) as opened:
        async with gate.opened(toolkit_peer) as other:
            elsewhere = other.url + toolkit_peer.paths.token
            prepare(home, toolkit_peer, opened, in_doubt="ask", token_url=elsewhere)
            async with running(home) as daemon:
                await begin(daemon)
                await daemon.stop()
        async with running(home) as daemon:
            ending = await refused_sync(daemon, opened)
            assert (ending["event"], ending["cause"]) == ("sync-failed", "network")
            assert "refused the connection" in ending["message"]
            assert (await grant(daemon))["phase"] == "good"
            assert await daemon.stop() == 0


WAYS = {
    "asked at the toolkit": ("toolkit_peer", accounts.asking, {"never": True, "lost": False}),
    "asked at oidc": ("oidc_peer", accounts.asking, {"never": True, "lost": False}),
    "reused": (
        "lenient_peer",
        lambda *_: {"in_doubt": "reuse", "reuse_s": GRACE_S},
        {"never": True, "lost": True},
    ),
    "tried once": (
        "toolkit_peer",
        lambda *_: {"in_doubt": "try_once"},
        {"never": True, "lost": False},
    ),
    "a person asked": (
        "oidc_peer",
        lambda *_: {"in_doubt": "ask"},
        {"never": False, "lost": False},
    ),
}
"""A server, a way out, and whether it saves the grant where the server never saw the token, or
where its answer got lost."""


@pytest.mark.requirement("X6")
@pytest.mark.parametrize("fate, troubles", [("never", NEVER_THERE), ("lost", LOST)])
@pytest.mark.parametrize("server, auth, saves", WAYS.values(), ids=WAYS)
async def test_a_token_in_doubt_is_told_from_a_dead_one(
    home, request, server, auth, saves, fate, troubles
):
    peer = request.getfixturevalue(server)
    async with gate.opened(peer) as opened:
        prepare(home, peer, opened, **auth(peer, opened))
        async with running(home) as daemon:
            await begin(daemon)
            for name, turn in troubles.items():
                opened.next("token", turn)
                ending = await sync(daemon, threshold=SOON)
                assert ending["event"] == "sync-failed", name
                assert "rounds connection authorize" not in ending["message"], name
                assert (await grant(daemon))["phase"] == "in-doubt", name
                ending = await sync(daemon, threshold=SOON)
                shown = await accounts.shown(daemon)
                if saves[fate]:
                    assert ending["event"] == "sync-succeeded", (name, ending)
                    assert shown["grant"]["phase"] == "good", name
                else:
                    assert (ending["event"], ending["cause"]) == ("sync-failed", "auth"), name
                    assert "rounds connection authorize" in ending["message"], name
                    assert (shown["state"], shown["grant"]["reason"]) == (
                        "unauthorised",
                        "in-doubt" if auth(peer, opened) == {"in_doubt": "ask"} else "used-up",
                    ), name
                    assert (await accounts.settled(daemon))["event"] == "sync-succeeded", name
            assert await daemon.stop() == 0
    accounts.check_story(home.log())
    check_deliveries(auth(peer, opened)["in_doubt"], fate, opened, len(troubles))


def check_deliveries(way, fate, opened, troubles):
    ledger = sorted(map(tuple, opened.ledger().values()))
    again = [each for each in ledger if len(each) > 1]
    if fate == "never" or way in {"introspect", "ask"}:
        assert not again, "no token is delivered twice"
    elif way == "reuse":
        assert again == [(200, 200)] * troubles, "sent again while that is allowed"
    else:
        assert again == [(200, 400)] * troubles, "tried once, and no more"


@pytest.mark.requirement("X6")
async def test_a_server_that_cannot_be_asked_leaves_the_token_in_doubt_until_it_can(
    home, peer, opened
):
    prepare(home, peer, opened, **accounts.asking(peer, opened))
    async with running(home) as daemon:
        await begin(daemon)
        opened.next("token", turns.dropped(answered=False))
        silences = [turns.says(503), turns.dropped(answered=True)]
        opened.next("introspect", *silences)
        assert (await sync(daemon, threshold=SOON))["event"] == "sync-failed"
        for _ in silences:
            ending = await sync(daemon, threshold=SOON)
            assert (ending["event"], ending["cause"]) == ("sync-failed", "network")
            assert "could not be asked" in ending["message"]
            assert (await grant(daemon))["phase"] == "in-doubt"
        await succeeds(daemon, threshold=SOON)
        assert await daemon.stop() == 0
    assert {tuple(each) for each in opened.ledger().values()} == {(200,)}


@pytest.mark.requirement("X6")
@pytest.mark.parametrize("answer", [turns.says(403), turns.shows_html()], ids=["403", "a page"])
async def test_a_server_that_says_nothing_of_tokens_is_tried_once(home, peer, opened, answer):
    prepare(home, peer, opened, **accounts.asking(peer, opened))
    async with running(home) as daemon:
        await begin(daemon)
        opened.each("introspect", answer)
        opened.next("token", turns.dropped(answered=False))
        assert (await sync(daemon, threshold=SOON))["event"] == "sync-failed"
        await succeeds(daemon, threshold=SOON)
        opened.next("token", turns.dropped(answered=True))
        assert (await sync(daemon, threshold=SOON))["event"] == "sync-failed"
        assert (await sync(daemon, threshold=SOON))["cause"] == "auth"
        assert (await accounts.shown(daemon))["state"] == "unauthorised"
        assert await daemon.stop() == 0


@pytest.mark.requirement("X6")
async def test_a_refused_access_token_is_no_witness_of_what_became_of_the_refresh(
    home, toolkit_peer
):
    async with gate.opened(toolkit_peer) as opened:
        prepare(home, toolkit_peer, opened, **accounts.asking(toolkit_peer, opened))
        async with running(home) as daemon:
            await begin(daemon)
            toolkit_peer.ahead(HOUR_S)
            opened.next("token", turns.dropped(answered=False))
            assert (await sync(daemon))["event"] == "sync-failed"
            await succeeds(daemon)
            assert await daemon.stop() == 0


# -- what servers may do --------------------------------------------------------------------------


@pytest.mark.requirement("C2")
async def test_where_no_new_refresh_token_comes_the_old_one_stays(home, peer, opened):
    prepare(home, peer, opened)
    async with running(home) as daemon:
        await begin(daemon)
        pair = accounts.sealed(home)
        answer = {"access_token": pair.access.reveal(), "token_type": "bearer", "expires_in": "60"}
        opened.next("token", turns.says(200, json.dumps(answer).encode()))
        await succeeds(daemon, threshold=SOON)
        kept = accounts.sealed(home)
        assert (kept.generation, kept.fingerprint) == (2, pair.fingerprint)
        await succeeds(daemon, threshold=SOON)
        assert await daemon.stop() == 0
    assert opened.deliveries(pair.refresh.reveal()) == [200]
    rotated = [each["rotated"] for each in accounts.of(home.log(), "token-refreshed")]
    assert rotated == [False, True]


@pytest.mark.requirement("C2")
async def test_a_new_refresh_token_that_cannot_be_one_is_no_sign_that_the_old_one_stays(
    home, toolkit_peer
):
    """It was replaced all the same: to send it again would end the grant."""

    async def odd(exchange, forward):
        answer = await forward()
        document = {**json.loads(answer.body), "refresh_token": 17}
        return replace(answer, body=json.dumps(document).encode())

    async with gate.opened(toolkit_peer) as opened:
        prepare(home, toolkit_peer, opened, **accounts.asking(toolkit_peer, opened))
        async with running(home) as daemon:
            await begin(daemon)
            opened.next("token", odd)
            for _ in range(2):
                await sync(daemon, threshold=SOON)
            assert await daemon.stop() == 0
    assert {tuple(each) for each in opened.ledger().values()} == {(200,)}


@pytest.mark.requirement("C2")
async def test_a_machine_fetches_its_tokens_itself_and_knows_no_doubt(home, peer, opened):
    prepare(
        home,
        peer,
        opened,
        grant="client_credentials",
        authorize_url=None,
        scopes=["records"],
        policy=TOLERANT,
    )
    async with running(home) as daemon:
        await daemon.said("sync-failed", cause="auth")
        await accounts.introduce(daemon, MACHINE)
        await succeeds(daemon)
        for turn in (*LOST.values(), *NEVER_THERE.values()):
            assert (await refused_sync(daemon, opened, turn))["event"] == "sync-failed"
            assert (await grant(daemon))["phase"] == "good"
        await succeeds(daemon, threshold=SOON)
        assert await daemon.stop() == 0
    assert {each.grant for each in opened.exchanges if each.name == "token"} == {
        "client_credentials"
    }
    accounts.check_story(home.log())
    assert ids(home) == RECORDS


# -- a disk that fails, or is full ----------------------------------------------------------------


@faults.traced
@pytest.mark.requirement("C2")
async def test_a_full_disk_keeps_the_only_token_in_memory_until_there_is_room(home, peer, opened):
    prepare(home, peer, opened, in_doubt="ask")
    async with running(home) as daemon:
        await begin(daemon)
        async with faults.failing(daemon, "vault-wal", "pwrite64:error=ENOSPC:when=1+"):
            (request,) = (await daemon.tell("sync", CONNECTION, threshold=SOON))["events"]
            await daemon.said("disk-full", file="vault")
            assert "a new token cannot be stored" in (await daemon.ask("status"))["trouble"][0]
            assert (await accounts.shown(daemon))["grant"]["phase"] == "refreshing"
            refusal = await daemon.call("POST", "sync", json={"connection": CONNECTION})
            assert refusal.json()["code"] == "disk-full"
        started = await daemon.said("sync-started", request=request)
        assert (await daemon.ending(started["seq"]))["event"] == "sync-succeeded"
        await succeeds(daemon, threshold=SOON)
        assert await daemon.stop() == 0
    assert {tuple(each) for each in opened.ledger().values()} == {(200,)}
    accounts.check_story(home.log())


@faults.traced
@pytest.mark.requirement("C2")
async def test_a_disk_that_fails_under_a_new_pair_ends_the_daemon_and_the_next_knows_what_is_left(
    home, peer, opened
):
    prepare(home, peer, opened, **accounts.asking(peer, opened))
    async with running(home) as daemon:
        await begin(daemon)
        async with faults.failing(daemon, "vault-wal", "fdatasync:error=EIO:when=1"):
            await daemon.tell("sync", CONNECTION, threshold=SOON)
            assert await daemon.end() == 78
        assert "check the disk" in daemon.complaint
    honoured = await accounts.honours(peer, accounts.sealed(home))
    async with running(home) as daemon:
        *_, started = await daemon.heard(lambda line: line["event"] == "sync-started")
        ending = await daemon.ending(started["seq"])
        assert (ending["event"] == "sync-succeeded") == honoured
        if not honoured:
            assert (await grant(daemon))["reason"] == "used-up"
            assert (await accounts.settled(daemon))["event"] == "sync-succeeded"
        assert await daemon.stop() == 0
    assert {tuple(each) for each in opened.ledger().values()} == {(200,)}
    accounts.check_story(home.log())


# -- stops, copies and seconds --------------------------------------------------------------------


@pytest.mark.requirement("C2")
async def test_a_stop_waits_for_the_answer_that_may_hold_the_only_token(home, peer, opened):
    prepare(home, peer, opened, sync={"stop_within": "1s"}, in_doubt="ask")
    async with running(home) as daemon:
        await begin(daemon)
        hold = turns.Hold(answered=True)
        opened.next("token", hold)
        asked = opened.count("token-answered") + 1
        await daemon.tell("sync", CONNECTION, threshold=SOON)
        await opened.reached("token-answered", asked)
        daemon.process.send_signal(signal.SIGTERM)
        await daemon.said("sync-interrupted", reason="shutdown")
        hold.release()
        assert await daemon.end() == 0
    async with running(home) as daemon:
        *_, started = await daemon.heard(lambda line: line["event"] == "sync-started")
        assert (await daemon.ending(started["seq"]))["event"] == "sync-succeeded"
        assert (await grant(daemon))["phase"] == "good"
        assert await daemon.stop() == 0
    accounts.check_story(home.log())


@pytest.mark.requirement("C2")
async def test_a_cancelled_sync_does_not_cancel_its_refresh(home, peer, opened):
    prepare(home, peer, opened, in_doubt="ask")
    async with running(home) as daemon:
        await begin(daemon)
        for answered in (False, True):
            hold = turns.Hold(answered=answered)
            opened.next("token", hold)
            step = "token-answered" if answered else "token-arrived"
            times = opened.count(step) + 1
            await daemon.tell("sync", CONNECTION, threshold=SOON)
            await opened.reached(step, times)
            await daemon.tell("cancel", CONNECTION)
            hold.release()
            await succeeds(daemon)
            assert (await grant(daemon))["phase"] == "good"
        assert await daemon.stop() == 0
    assert {tuple(each) for each in opened.ledger().values()} == {(200,)}
    accounts.check_story(home.log())


@pytest.mark.requirement("C2")
async def test_no_second_daemon_touches_the_tokens_of_the_first(home, peer, opened):
    prepare(home, peer, opened)
    async with running(home) as daemon:
        await begin(daemon)
        so_far = len(opened.exchanges)
        second = Home(home.root / "second")
        shutil.copytree(home.root / "providers", second.root / "providers")
        second.configure(CONNECTION, tokens=accounts.ALWAYS)
        second.config.write_text(
            second.config.read_text().replace(str(second.state), str(home.state))
        )
        code, complaint = await refused(second)
        assert code == 75
        assert "another roundsd" in complaint
        assert len(opened.exchanges) == so_far
        await succeeds(daemon, threshold=SOON)
        assert await daemon.stop() == 0


@pytest.mark.requirement("X6")
async def test_an_older_copy_of_the_vault_uses_no_old_token_up(home, peer, opened):
    """The server would take it for a thief's, and end the grant."""
    prepare(home, peer, opened)
    older = home.root / "older"
    async with running(home) as daemon:
        await begin(daemon)
        assert await daemon.stop() == 0
    shutil.copytree(home.state, older)
    async with running(home) as daemon:
        await succeeds(daemon, threshold=SOON)
        assert await daemon.stop() == 0
    newer = home.root / "newer"
    newer.mkdir()
    for each in home.state.glob("vault*"):
        shutil.move(each, newer)
    for each in older.glob("vault*"):
        shutil.copy2(each, home.state)
    async with running(home) as daemon:
        ending = await sync(daemon, threshold=SOON)
        assert (ending["event"], ending["cause"]) == ("sync-failed", "auth")
        assert (await grant(daemon))["reason"] == "lost"
        await is_refused(daemon)
        assert await daemon.stop() == 0
    assert {tuple(each) for each in opened.ledger().values()} == {(200,)}
    assert await accounts.honours(peer, await pair_in(newer, home)), "the newer one is still good"
    async with running(home) as daemon:
        assert (await accounts.settled(daemon))["event"] == "sync-succeeded"
        assert await daemon.stop() == 0
    accounts.check_story(home.log())


async def pair_in(directory, home):
    aside = Home(home.root / "aside")
    shutil.copytree(directory, aside.state)
    return accounts.sealed(aside)
