"""Does a person, and a program, read what a provider's file makes of programs' calls?"""

import re
from pathlib import Path

import pytest

from daemon.cli import call_words
from tests.cli.test_looking import ESCAPE
from tests.cli.world import terminal, world

pytestmark = [pytest.mark.requirement("A20"), pytest.mark.requirement("E6")]

STREAMS = {"streams": {"days": {"path": "/days", "primary_key": ["date"]}}}
ITEM = {
    "title": "One item",
    "fresh_s": 90,
    "stale_while_revalidate_s": 3600,
    "stale_if_error_s": 86_400,
    "patience_s": 2.5,
    "debounce_s": 0.3,
    "batch": {"path": "/items?ids={ids}", "records": "items", "key": "id", "size": 20},
}
ENDPOINTS = {
    "/items/{id}": ITEM,
    "/carts": {"cached": False, "shared": False},
    "/prices": {"stale_while_revalidate_s": 0, "stale_if_error_s": 0},
    "/words": {},
}
LINES = (
    "limits  12.5 s (10 s of silence) and 1.0 MB an answer",
    "rate  the provider allows 100 calls in 1 min for the application",
    "pool  at most 8 connections at once, each closed after 30 s without a call",
    "writes  each has a key in the header Idempotency-Key, and may be sent again with it",
    "private hosts  127.0.0.1, localhost: may be at addresses of this host or its network",
    "endpoint  /items/{id}, whatever the method (One item)",
    "kept  fresh for 1 min 30 s, whatever the answer says",
    "after that  it is given for 1 h, and asked anew behind the caller's back",
    (
        "on failure  where the provider fails, or says nothing within 2.5 s, it is given, marked "
        "as old, for 1 day"
    ),
    "the same  GETs at once go as one",
    (
        "pause  a GET, or a PUT without its program's key, waits until no same one came for 0.3 "
        "s, at most 3 s; the last goes for all"
    ),
    (
        'batch  up to 20 GETs that come within 0.02 s go as one to /items?ids={ids}, "," between '
        "the values; id tells them apart in items in its answer"
    ),
    "endpoint  /carts, whatever the method",
    "kept  no answer of it",
    "the same  GETs at once go each alone",
    "kept  fresh as long as the answer says, else not at all",
    (
        "after that  it is given for as long as the answer says, and asked anew behind the "
        "caller's back"
    ),
    (
        "on failure  where the provider fails, or says nothing within 5 s, it is given, marked as "
        "old, for as long as the answer says, else 7 days"
    ),
)


@pytest.fixture(scope="module")
def daemon():
    with world() as made:
        made.home.provide(
            "shop",
            made.provider.url,
            idempotency_header="Idempotency-Key",
            limits={"timeout_s": 12.5, "body_bytes_max": 1_000_000},
            rate={"windows": [{"calls": 100, "per_s": 60}]},
            endpoints=ENDPOINTS,
            **STREAMS,
        )
        made.home.provide("plain", made.provider.url, **STREAMS)
        made.start()
        yield made


def lines(typed):
    """What was said, with two spaces between a name and what it stands for."""
    return [re.sub(r"^(\S+(?: \S+)*?) {2,}", r"\1  ", line) for line in typed.out.splitlines()]


def test_what_is_shown_of_a_provider_says_what_its_file_declares(daemon):
    said = lines(daemon.rounds("provider", "show", "shop"))
    assert [line for line in LINES if line not in said] == []
    assert said.count("endpoint  /prices, whatever the method") == 1


def test_what_is_checked_says_the_same_without_a_daemon(daemon):
    said = lines(daemon.rounds("provider", "check", f"{daemon.home.root}/providers/shop.toml"))
    limits = LINES[0]
    assert any(line.startswith(limits) for line in said)
    assert [line for line in LINES if line not in said] == [limits]


def test_what_may_not_be_given_is_not_said_to_be(daemon):
    said = lines(daemon.rounds("provider", "show", "shop"))
    at = said.index("endpoint  /prices, whatever the method")
    assert said[at + 1 : at + 4] == [LINES[15], "the same  GETs at once go as one", ""]


def test_where_nothing_is_declared_what_holds_then_is_said(daemon):
    said = lines(daemon.rounds("provider", "show", "plain"))
    assert (
        "writes  a write is not sent again by itself once it may have arrived: the provider knows "
        "no header for a key"
    ) in said
    assert f"endpoints  {call_words.NO_ENDPOINTS.format(stale='7 days')}" in said
    assert not any(line.startswith("rate") for line in said)


def test_programs_read_it_typed_from_either(daemon):
    shown = daemon.rounds("provider", "show", "shop", "--json").document["calls"]
    path = f"{daemon.home.root}/providers/shop.toml"
    assert daemon.rounds("provider", "check", path, "--json").document["calls"] == shown
    assert (shown["timeout_s"], shown["connections_max"], shown["idle_s"]) == (12.5, 8, 30)
    assert shown["idempotency_header"] == "Idempotency-Key"
    assert [each["path"] for each in shown["endpoints"]] == list(ENDPOINTS)
    assert shown["endpoints"][0] == {
        "path": "/items/{id}",
        "cached": True,
        "shared": True,
        **ITEM,
        "batch": {**ITEM["batch"], "wait_s": 0.02, "separator": ","},
    }
    plain = daemon.rounds("provider", "show", "plain", "--json").document["calls"]
    assert (plain["idempotency_header"], plain["endpoints"], plain["rate"]) == (None, [], [])


@pytest.mark.parametrize("line", ["provider show shop", "provider check {}"])
def test_on_a_terminal_nothing_is_wider_than_it(daemon, line):
    path = Path(daemon.home.root) / "providers/shop.toml"
    shown = ESCAPE.sub("", terminal(daemon, *line.format(path).split()).out)
    assert "endpoint" in shown
    widest = max(len(each) for each in shown.splitlines() if not each.startswith(str(path)))
    assert widest <= 80
