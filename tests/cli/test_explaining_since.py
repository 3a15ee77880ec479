"""Does `rounds explain` tell what held back then from what holds now?"""

import re

import pytest

from tests.cli.world import world

pytestmark = pytest.mark.requirement("X2")


def test_what_was_taken_back_or_moved_since_is_told_apart():
    """A retry's delay was reset after it was planned; a sync asked a provider that is gone."""
    with world("acme/broken", policy={"retry_delay": "30m"}) as made:
        for name, path in (("old", "/gone"), ("new", "/days")):
            streams = {"days": {"path": path, "primary_key": ["date"]}}
            made.home.provide(name, made.provider.url, streams=streams)
        made.provider.routes["/gone"] = lambda *_: (410, [])
        made.start()
        made.hear("sync-failed")
        words = ("policy", "set", "acme", "retry_delay=1h", "retry_jitter=false")
        assert made.rounds(*words).code == 0
        assert made.rounds("sync", "acme/broken", "--wait").code == 1
        before = made.rounds("explain", "acme/broken").out
        assert re.search(r"retry_delay 1h, retry_jitter false: of the tenant, set by", before)
        assert made.rounds("policy", "reset", "acme", "--all").code == 0
        reset = made.rounds("status", "--json").document["seq"]
        after = made.rounds("explain", "acme/broken").out
        assert re.search(rf"retry_delay 30m: in the configuration, since then +{reset}\n", after)
        assert made.rounds("connection", "add", "acme/old").code == 0
        failed = made.hear("provider-retired")
        assert failed
        last = made.rounds("explain", "acme/old").out.splitlines()[-1]
        sync = last.split()[-1]
        decided = made.rounds("explain", "acme/old", "--sync", sync).out
        assert made.rounds("connection", "relink", "acme/old", "--to", "new").code == 0
        moved = made.rounds("explain", "acme/new", "--sync", sync).out
        assert "the provider is switched off for good" in decided
        assert moved == decided.replace("acme/old", "acme/new")
