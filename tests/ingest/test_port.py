"""The port for reports takes reports, from whoever has a token, and nothing else from nobody."""

import json
from datetime import timedelta

import msgspec
import pytest
import trio

from daemon import commands
from daemon.control import reporting, sourcing
from daemon.control.source_messages import BATCH_MAX, REPORTS_BYTES_MAX, Report, SourceName
from daemon.decide.reporting import AGE_MAX
from daemon.ingest import pace
from daemon.ingest.pace import Pace
from daemon.ingest.port import BODY_S
from events.sources import ReportReceived
from tests.fakes.in_process import EPOCH, play
from tests.ingest.scene import BY, MOMENT, OTHER, PHONE, Scene, ask, one


def played(test):
    """Run a test with a daemon of its own, a port, and the token of a phone."""

    async def scene():
        alive = Scene()
        async with alive.life() as daemon:
            token = await alive.phone(daemon)
            await test(alive, daemon, alive.open(daemon), token)

    play(scene)


def received(scene):
    return [each.event for each in scene.events(ReportReceived)]


def fill(scene, daemon):
    """Fill the disk, and use up what is kept for the outcomes of what runs."""
    scene.disk.full = True
    daemon.journal.log._ballast = 0


# -- what is taken --------------------------------------------------------------------------------


@pytest.mark.requirement("D2")
def test_a_report_is_durable_before_it_is_acknowledged():
    async def test(scene, daemon, app, token):
        answer = await ask(app, token, one(records=12, queue_depth=3, oldest=MOMENT))
        assert (answer.status, answer.document) == (202, {"new": 1, "known": 0})
        assert [each.figures.records for each in received(scene)] == [12]
        assert received(scene)[0].by is None

    played(test)


@pytest.mark.requirement("D2")
def test_a_report_that_comes_again_counts_once_and_is_acknowledged_again():
    async def test(scene, daemon, app, token):
        for expected in ({"new": 1, "known": 0}, {"new": 0, "known": 1}, {"new": 0, "known": 1}):
            answer = await ask(app, token, one(records=12))
            assert (answer.status, answer.document) == (202, expected)
        assert len(received(scene)) == 1

    played(test)


def test_what_is_known_is_acknowledged_no_sooner_than_it_is_on_disk():
    """Or else a phone would drop what a crash could still take."""

    async def test(scene, daemon, app, token):
        ends, told = [], msgspec.convert(one(records=12), Report)
        subject = scene.vault.subject("source", PHONE)

        async def take():
            taken = await reporting.take(scene.desk(daemon), subject, [told])
            ends.append((taken.new, taken.known, len(received(scene))))

        fill(scene, daemon)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(take)
            nursery.start_soon(take)
            await trio.sleep(5)
            assert ends == [] == received(scene)
            scene.disk.full = False
        assert sorted(ends) == [(0, 1, 1), (1, 0, 1)]

    played(test)


@pytest.mark.requirement("D2")
@pytest.mark.parametrize("lines", [False, True])
def test_many_come_as_an_array_or_one_a_line(lines):
    async def test(scene, daemon, app, token):
        many = [one(str(each), records=each) for each in range(BATCH_MAX)]
        body = b"\n".join(json.dumps(each).encode() for each in many)
        said = body if lines else json.dumps(many).encode()
        kind = "application/x-ndjson" if lines else "application/json; charset=utf-8"
        answer = await ask(app, token, said, "/v1/reports", content_type=kind)
        assert (answer.status, answer.document) == (202, {"new": BATCH_MAX, "known": 0})
        assert len(received(scene)) == BATCH_MAX

    played(test)


@pytest.mark.requirement("D2")
def test_of_many_all_are_taken_or_none():
    async def test(scene, daemon, app, token):
        assert (await ask(app, token, one("a", records=1))).status == 202
        both = [one("b", records=1), one("a", records=2)]
        answer = await ask(app, token, both, "/v1/reports")
        assert answer.status == 409
        assert answer.document["message"].startswith("report 2: its key came before with other")
        assert len(received(scene)) == 1

    played(test)


def test_a_key_is_the_source_s_own_and_no_event_holds_it():
    async def test(scene, daemon, app, token):
        other = await scene.phone(daemon, OTHER)
        for each in (token, other):
            assert (await ask(app, each, one("secret-key", records=1))).document["new"] == 1
        first, second = received(scene)
        assert first.key != second.key
        written = b"".join(row[3] for row in scene.disk.rows)
        assert b"secret-key" not in written
        assert token.encode() not in written
        assert token.partition(".")[2].encode() not in written

    played(test)


# -- what is refused ------------------------------------------------------------------------------


@pytest.mark.requirement("D2")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        json.dumps({"at": MOMENT, "key": "a"}).encode(),
        json.dumps(one(records=-1)).encode(),
        json.dumps(one(records=10**13)).encode(),
        json.dumps(one(records=1.5)).encode(),
        json.dumps(one(records="1")).encode(),
        json.dumps(one(recrods=1)).encode(),
        json.dumps(one(platform="toaster")).encode(),
        json.dumps(one(key="")).encode(),
        json.dumps(one(key="k" * 201)).encode(),
        json.dumps(one(at="2026-03-01T00:00:00")).encode(),
        json.dumps(one(at="yesterday")).encode(),
        json.dumps(one(at="0001-01-01T00:00:00+14:00")).encode(),
        json.dumps(one(at="0001-01-01T00:00:00Z")).encode(),
        json.dumps(one(at="9999-12-31T23:59:59-14:00")).encode(),
        json.dumps(one(oldest=MOMENT)).encode(),
        json.dumps(one(oldest=MOMENT, queue_depth=0)).encode(),
        json.dumps(one(queue_depth=1, oldest="0001-01-01T00:00:00+14:00")).encode(),
        json.dumps(one() | {"tenant": "bob"}).encode(),
        json.dumps(one(at=(EPOCH + timedelta(hours=1)).isoformat())).encode(),
        json.dumps(one(at=(EPOCH - AGE_MAX - timedelta(hours=1)).isoformat())).encode(),
    ],
)
def test_what_is_no_report_is_refused_with_a_sentence_and_changes_nothing(body):
    async def test(scene, daemon, app, token):
        before = len(scene.disk.rows)
        answer = await ask(app, token, body)
        assert (answer.status, answer.document["code"]) == (400, "invalid")
        assert len(answer.document["message"]) > 20
        assert len(scene.disk.rows) == before

    played(test)


@pytest.mark.parametrize("many", [[], [one(str(each)) for each in range(BATCH_MAX + 1)]])
def test_so_many_at_once_and_no_more(many):
    async def test(scene, daemon, app, token):
        answer = await ask(app, token, many, "/v1/reports")
        assert answer.status == 400
        assert f"1 to {BATCH_MAX}" in answer.document["message"]

    played(test)


def test_a_body_is_bounded_and_has_a_deadline():
    async def test(scene, daemon, app, token):
        flood = [b" " * 65_536] * (REPORTS_BYTES_MAX // 65_536 + 1)
        assert (await ask(app, token, chunks=[*flood, b""])).status == 413
        began = trio.current_time()
        answer = await ask(app, token, chunks=[b"{", BODY_S + 60, b"}"])
        assert (answer.status, trio.current_time() - began) == (400, BODY_S)

    played(test)


@pytest.mark.requirement("D2")
@pytest.mark.parametrize(
    "wrong",
    [
        None,
        "",
        "x",
        "1.x",
        ".",
        "٣.x",
        "9" * 500 + ".x",
        "{number}.",
        "{number}.{other}",
        "{token}x",
        "{token} x",
        "0.{rest}",
        "99999999999999999999999.{rest}",
        "{number_of_other}.{rest}",
    ],
)
def test_who_has_no_token_learns_nothing(wrong):
    """Not even which sources there are: every answer is the same."""

    async def test(scene, daemon, app, token):
        other = await scene.phone(daemon, OTHER)
        number, _, rest = token.partition(".")
        foreign, _, other_rest = other.partition(".")
        given = wrong and wrong.format(
            number=number, rest=rest, token=token, other=other_rest, number_of_other=foreign
        )
        answer = await ask(app, given and given.encode().decode("latin-1"), one(records=1))
        assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert answer.document["message"] == "no source has this token"
        assert received(scene) == []

    played(test)


def test_another_scheme_is_no_token():
    async def test(scene, daemon, app, token):
        assert (await ask(app, None, one(), authorization=f"Basic {token}")).status == 401
        assert (await ask(app, None, one(), authorization=token)).status == 401
        assert (await ask(app, None, one(), authorization=f"bearer  {token} ")).status == 202

    played(test)


@pytest.mark.requirement("D2")
def test_a_new_token_is_the_only_one_and_a_removed_source_has_none():
    async def test(scene, daemon, app, token):
        desk, name = scene.desk(daemon), SourceName(source=PHONE)
        newer = (await sourcing.token(desk, name, BY)).token
        assert [(await ask(app, each, one())).status for each in (token, newer)] == [401, 202]
        await sourcing.remove(desk, name, BY)
        assert (await ask(app, newer, one("b"))).status == 401
        newest = await scene.phone(daemon)
        assert [(await ask(app, each, one("b"))).status for each in (newer, newest)] == [401, 202]

    played(test)


def test_a_token_whose_event_is_not_the_last_opens_nothing():
    """As a crash between the event and the vault leaves it."""

    async def test(scene, daemon, app, token):
        subject = scene.vault.subject("source", PHONE)
        daemon.journal.execute(commands.NoteSourceToken(subject=subject))
        assert (await ask(app, token, one())).status == 401

    played(test)


@pytest.mark.requirement("D2")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/report"),
        ("PUT", "/v1/report"),
        ("POST", "/v1/report/"),
        ("GET", "/v1/openapi.json"),
        ("GET", "/v1/status"),
        ("POST", "/v1/update-sync-health-metrics"),
        ("POST", "/v1/source-token"),
        ("GET", "/"),
    ],
)
def test_there_is_nothing_else(method, path):
    async def test(scene, daemon, app, token):
        assert (await ask(app, token, one(), path, method)).status == 404

    played(test)


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "evil.example:8788"},
        {"host": "127.0.0.1:8789"},
        {"host": ""},
        {"origin": "http://127.0.0.1:8788"},
        {"origin": "null"},
        {"referer": "https://evil.example/"},
    ],
)
def test_a_page_in_a_browser_is_refused_also_one_that_was_rebound(headers):
    async def test(scene, daemon, app, token):
        assert (await ask(app, token, one(), **headers)).status == 403
        assert received(scene) == []

    played(test)


def test_the_proxy_may_pass_a_name_on_that_the_configuration_names():
    async def test(scene, daemon, app, token):
        app = scene.open(daemon, hosts=("reports.example.org",))
        for host in ("Reports.example.org", "localhost:8788"):
            assert (await ask(app, token, one(), host=host)).status == 202

    played(test)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_it_takes_json_alone(kind):
    """A browser sends these to other origins without asking first."""

    async def test(scene, daemon, app, token):
        answer = await ask(app, token, one(), content_type=kind)
        assert answer.status == 400
        assert "Content-Type" in answer.document["message"]

    played(test)


# -- floods, and a disk that is full ---------------------------------------------------------------


@pytest.mark.requirement("D2")
def test_a_flood_of_one_source_costs_the_others_nothing():
    async def test(scene, daemon, app, token):
        other, app = await scene.phone(daemon, OTHER), scene.open(daemon, requests_a_minute=10)
        answers = [await ask(app, token, one()) for _ in range(15)]
        assert [each.status for each in answers] == [202] * 10 + [429] * 5
        assert answers[-1].headers["retry-after"] == "6"
        assert answers[-1].document["retry_after_s"] == 6
        assert (await ask(app, other, one())).status == 202
        await trio.sleep(6)
        assert [(await ask(app, token, one())).status for _ in range(2)] == [202, 429]
        await trio.sleep(3600)
        assert [(await ask(app, token, one())).status for _ in range(11)] == [202] * 10 + [429]

    played(test)


def test_a_slow_request_holds_up_nobody_but_its_own_source():
    async def test(scene, daemon, app, token):
        other = await scene.phone(daemon, OTHER)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: ask(app, token, chunks=[b"{", BODY_S + 1, b"}"]))
            await trio.sleep(1)
            busy = await ask(app, token, one())
            assert (busy.status, busy.headers["retry-after"]) == (429, "1")
            assert (await ask(app, other, one())).status == 202
        assert (await ask(app, token, one())).status == 202

    played(test)


@pytest.mark.requirement("D2")
def test_on_a_full_disk_nothing_is_acknowledged_and_all_goes_on_with_room():
    async def test(scene, daemon, app, token):
        fill(scene, daemon)
        first = await ask(app, token, one("a", records=1))
        later = await ask(app, token, one("b", records=1))
        assert [first.status, later.status] == [503, 503]
        assert first.document["code"] == later.document["code"] == "disk-full"
        scene.disk.full = False
        await daemon.journal.room()
        answer = await ask(app, token, [one("a", records=1), one("b", records=1)], "/v1/reports")
        assert answer.status == 202
        assert sorted(each.figures.records for each in received(scene)) == [1, 1]

    played(test)


def test_a_failure_of_ours_is_answered_and_says_nothing_of_itself():
    async def test(scene, daemon, app, token):
        scene.vault.close()
        answer = await ask(app, token, one())
        assert (answer.status, answer.document["code"]) == (500, "internal")
        scene.vault = type(scene.vault)(None, bytes(32))

    played(test)


def test_a_websocket_is_closed():
    async def test(scene, daemon, app, token):
        sent = []

        async def send(message):
            await trio.lowlevel.checkpoint()
            sent.append(message["type"])

        await app({"type": "websocket"}, None, send)
        assert sent == ["websocket.close"]

    played(test)


# -- the pace -------------------------------------------------------------------------------------


def test_buckets_that_have_filled_up_are_let_go():
    paced = Pace(60)
    for source in range(pace.BUCKETS_MAX + 5):
        assert paced.wait(source, EPOCH + timedelta(minutes=source)) is None
    assert len(paced._buckets) < 10


def test_a_clock_that_was_set_back_makes_nobody_wait_for_longer_than_a_minute():
    paced = Pace(1)
    assert paced.wait(1, EPOCH) is None
    wait = paced.wait(1, EPOCH - timedelta(days=1))
    assert wait is not None
    assert wait <= timedelta(minutes=1)
