"""Are people told what waits for a provider that is down, and can they settle what is in doubt?"""

import random
import re
from datetime import datetime, timedelta

import pytest

from daemon.control.gateway_messages import CONTENT_BYTES_MAX
from tests.cli.world import WAIT_S, terminal, world
from tests.e2e.daemon import TOLERANT

pytestmark = pytest.mark.requirement("E6")

ENTRY = ("request", "acme/orders", "POST", "/entries", "--data", "a line")


@pytest.fixture(scope="module")
def daemon():
    connections = ("acme/orders", "acme/hinting", "acme/weather")
    with world(*connections, sync={"stop_within": "1s"}, policy=TOLERANT) as made:
        for name in ("orders", "hinting"):
            made.home.provide(
                name,
                made.provider.url,
                streams={"days": {"path": "/days", "primary_key": ["date"]}},
                endpoints={"/entries": {}},
            )
        made.answer = (503, {})
        for path in ("/entries", "/entries?for=ada"):
            made.provider.forms[path] = lambda _: made.answer
        made.start()
        yield made


@pytest.fixture
def write(daemon):
    """The number of a write that waits; it is gone afterwards."""
    daemon.answer = (503, {})
    typed = daemon.rounds(*ENTRY, "--json")
    assert typed.code == 0
    number = str(typed.document["write"])
    yield number
    drop(daemon, number)


def drop(daemon, number):
    """Leave nothing of it to the next test: one that is under way cannot be dropped just then."""
    while "under way" in daemon.rounds("outbox", "drop", str(number)).err:
        pass


def settle_in_doubt(daemon, number):
    daemon.answer = (500, {})
    while True:
        daemon.rounds("outbox", "retry", number)
        found = daemon.rounds("outbox", "list", "--json").document["writes"]
        if found[0]["phase"] == "in-doubt":
            return


def test_a_write_is_queued_where_its_provider_is_down_and_says_its_number(daemon):
    daemon.answer = (503, {})
    typed = daemon.rounds(*ENTRY)
    assert (typed.code, typed.out) == (0, "")
    assert "202 queued as write " in typed.err
    drop(daemon, typed.err.split("write ")[1].split(":")[0])


def test_a_program_on_the_socket_reads_what_happened_and_what_to_type(daemon, write):
    document = daemon.rounds(*ENTRY, "--json").document
    number = document["write"]
    assert document["message"].startswith(f"queued as write {number}: it is on disk")
    assert f"`rounds outbox show {number}`" in document["message"]
    never_sent = daemon.rounds("outbox", "retry", str(number))
    assert daemon.rounds("outbox", "drop", str(number)).code == 0
    said = f"write {number}: not sent before; it is sent once those before it are over\n"
    assert never_sent.out == said


def test_a_retry_says_again_of_what_was_sent_alone(daemon, write):
    again = daemon.rounds("outbox", "retry", write)
    assert again.out == f"write {write}: sent again as soon as its connection may\n"
    told = daemon.rounds("log", "show", "--connection", "acme/orders").out
    assert f"write {write} is to be sent as soon as it may" in told


def test_who_would_rather_hear_of_it_does(daemon):
    daemon.answer = (503, {})
    typed = daemon.rounds(*ENTRY, "--no-queue")
    assert typed.code == 1
    assert "503 from the provider" in typed.err
    assert "no write waits" in daemon.rounds("outbox", "list").out


def test_what_waits_is_listed_and_shown_whole(daemon, write):
    out = daemon.rounds("outbox", "list").out
    assert write in out
    assert "rounds outbox delivered" not in out, "nothing is in doubt"
    assert "POST /entries" in out
    assert "the provider failed" in out
    assert daemon.rounds("outbox", "list", "acme/weather").out == "no write waits\n"
    shown = daemon.rounds("outbox", "show", write).out
    assert "POST /entries" in shown
    assert "none: it is not sent again by itself once it may have arrived" in shown
    assert "a line" in shown
    document = daemon.rounds("outbox", "show", write, "--json").document
    assert (document["path"], document["body"]) == ("/entries", "a line")


def test_the_list_says_where_each_goes_what_was_tried_and_when_it_can_really_go(daemon):
    daemon.answer = (429, {}, {"Retry-After": "3600"})
    request = ("request", "acme/hinting", "POST")
    typed = daemon.rounds(*request, "/entries?for=ada", "--data", "a line", "--json")
    daemon.rounds(*request, "/entries", "--data", "a line")
    first, second = daemon.rounds("outbox", "list", "--json").document["writes"]
    out = daemon.rounds("outbox", "list").out
    for each in (first, second):
        drop(daemon, each["write"])
    assert first["write"] == typed.document["write"]
    assert [each["path"] for each in (first, second)] == ["/entries?for=ada", "/entries"]
    assert [each["attempts"] for each in (first, second)] == [1, 0]
    queued_at = datetime.fromisoformat(first["queued_at"])
    wait = datetime.fromisoformat(first["due"]) - queued_at
    assert timedelta(minutes=59) < wait <= timedelta(minutes=61)
    assert "POST /entries?for=ada" in re.sub(r"\s+", " ", out)


def test_status_and_connection_show_mention_it_in_a_line(daemon, write):
    line = "1 write waiting: rounds outbox list"
    assert line in daemon.rounds("status").out
    assert f"{line} acme/orders" in daemon.rounds("connection", "show", "acme/orders").out
    assert "outbox" not in daemon.rounds("connection", "show", "acme/weather").out


def test_what_has_not_arrived_cannot_be_called_delivered(daemon, write):
    typed = daemon.rounds("outbox", "delivered", write)
    assert typed.code == 2
    assert "is not in doubt" in typed.err


def test_a_doubt_is_named_everywhere_and_settled(daemon, write):
    settle_in_doubt(daemon, write)
    assert "1 write waiting, 1 in doubt" in daemon.rounds("status").out
    assert "somebody must look whether it arrived" in daemon.rounds("outbox", "list").out
    settle = f"then type: rounds outbox delivered {write} (it did), retry {write} (it did not) or"
    for screen in (("outbox", "list"), ("outbox", "show", write)):
        assert settle in daemon.rounds(*screen).out
    health = daemon.rounds("health").out
    assert "1 connection has a write in doubt" in health
    assert "rounds outbox list acme/orders" in health
    told = daemon.rounds("log", "show", "--connection", "acme/orders").out
    assert f"write {write} may have arrived, or not" in told
    assert settle in told
    settled = daemon.rounds("outbox", "delivered", write)
    assert settled.out == f"write {write}: settled: it counts as delivered\n"
    assert "no write waits" in daemon.rounds("outbox", "list").out


def test_a_number_that_is_none_is_not_found(daemon):
    typed = daemon.rounds("outbox", "show", "1")
    assert typed.code == 3
    assert "no write 1 waits" in typed.err


def test_a_dropped_one_is_not_sent(daemon, write):
    dropped = daemon.rounds("outbox", "drop", write)
    assert dropped.out == f"write {write}: dropped: it is not sent any more\n"
    assert daemon.rounds("outbox", "show", write).code == 3


def test_bytes_that_wait_survive_a_kill_and_arrive_as_they_were(tmp_path):
    body = random.Random(4).randbytes(CONTENT_BYTES_MAX)
    (tmp_path / "body").write_bytes(body)
    arrived = []
    with world("acme/files") as made:
        days = {"days": {"path": "/days", "primary_key": ["date"]}}
        made.home.provide("files", made.provider.url, streams=days, endpoints={"/upload": {}})
        made.provider.uploads["/upload"] = lambda _: (503, {})
        made.start()
        line = ("acme/files", "POST", "/upload", "--data", f"@{tmp_path}/body")
        typed = made.rounds("request", *line, "--json")
        assert (typed.code, typed.document["status"]) == (0, 202)
        number = typed.document["write"]
        made.process.kill()
        made.process.wait(WAIT_S)
        made.provider.uploads["/upload"] = lambda sent: (201, arrived.append(sent) or {})
        made.start()
        made.hear("write-delivered", write=number)
        assert arrived == [body]


def test_a_write_that_waits_is_shown_as_its_bytes_are(daemon, tmp_path):
    daemon.answer = (503, {})
    daemon.provider.uploads["/raw"] = lambda _: daemon.answer
    body = b"\xff\x00 not text"
    (tmp_path / "body").write_bytes(body)
    line = ("request", "acme/orders", "POST", "/raw", "--data", f"@{tmp_path}/body", "--json")
    number = str(daemon.rounds(*line).document["write"])
    place = tmp_path / "shown"
    assert daemon.rounds("outbox", "show", number, "--output", str(place)).code == 0
    assert place.read_bytes() == body
    shown = terminal(daemon, "outbox", "show", number)
    assert f"its body is {len(body)} bytes that are no text" in shown.out
    drop(daemon, number)


@pytest.mark.requirement("X1")
def test_what_waited_then_is_shown_when_it_is_over(daemon, write):
    waiting = daemon.rounds("outbox", "list", "--json").document
    drop(daemon, write)
    again = daemon.rounds("outbox", "list", "--at", str(waiting["seq"]), "--json").document
    [before], [then] = waiting["writes"], again["writes"]
    assert then["write"] == before["write"] == int(write)
    assert then["path"] is None  # it went with the write
    left_out = {"path", "due", "held_by"}  # the last two move with the time
    assert {name: then[name] for name in then.keys() - left_out} == {
        name: before[name] for name in before.keys() - left_out
    }
    shown = daemon.rounds("outbox", "list", "--at", str(waiting["seq"])).out
    assert re.search(rf"as of event {waiting['seq']}, .*\n.*\n *{write} +acme/orders ", shown)
    empty = daemon.rounds("outbox", "list", "--at", str(int(write) - 1)).out
    assert empty.endswith("no write waited then\n")
