"""Do tables of many columns say what matters at a terminal of 80 of them?"""

import re

import pytest

from tests.cli.world import DAYS, terminal, world

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
STREAMS = ("purchase_orders", "order_line_items", "nights")


@pytest.fixture(scope="module")
def daemon():
    """A source of several streams, one of which fails; it was asked for, and started again."""
    with world("acme/warehouse_eu") as made:
        for name in STREAMS[:2]:
            made.provider.routes[f"/{name}"] = lambda *_: (200, DAYS)
        streams = {each: {"path": f"/{each}", "primary_key": ["date"]} for each in STREAMS}
        made.home.provide("warehouse_eu", made.provider.url, streams=streams)
        made.start()
        made.hear("sync-succeeded")
        made.rounds("policy", "set", "acme", "quiet_hours_start=00:00", "quiet_hours_end=23:59")
        made.rounds("connection", "show", "acme/warehouse_eu")
        made.rounds("issues", "acme/warehouse_eu")
        made.rounds("status", "acme")
        made.stop()
        made.start()
        yield made


def narrow(daemon, *words):
    """What a terminal of 80 columns shows, which holds every line of it."""
    plain = ESCAPE.sub("", terminal(daemon, *words).out)
    assert max(len(line.rstrip()) for line in plain.splitlines()) <= 80
    return plain


@pytest.mark.requirement("D1")
def test_a_tenants_sources_are_each_in_a_line_with_their_names_whole(daemon):
    shown = narrow(daemon, "status", "acme")
    for name in ("acme/warehouse_eu", *(f"  {each}" for each in STREAMS)):
        assert re.search(rf"^{name} +\d+ +\w+ +\d+ ", shown, re.MULTILINE), shown
    assert "last failure" not in shown
    assert "last failure" in daemon.rounds("status", "acme").out


@pytest.mark.requirement("D7")
def test_who_asked_is_shown_with_all_that_was_asked(daemon):
    shown = narrow(daemon, "audit", "reads", "--since", "1")
    head, *_ = shown.splitlines()
    assert head.split() == ["event", "from", "who", "role", "of", "asked"]
    whole = "".join(line[head.index("asked") :] for line in shown.splitlines()[1:])
    for operation in ("connection", "issues", "sync-health"):
        assert operation in whole, shown
