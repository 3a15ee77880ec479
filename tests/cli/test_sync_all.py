"""What do people see who sync many connections at once?"""

import pytest

from tests.cli.world import world

pytestmark = pytest.mark.requirement("C6")


@pytest.fixture(scope="module")
def daemon():
    with world("acme/weather", "acme/broken", "birch/weather") as made:
        made.start()
        for name in ("acme/weather", "acme/broken", "birch/weather"):
            made.rounds("sync", name, "--wait")  # so that no first sync is under way
        yield made


def test_all_are_synced_and_summed_up(daemon):
    typed = daemon.rounds("sync", "--all", "--wait")
    assert typed.code == 1, "one of them fails"
    assert typed.out.splitlines()[0] == "3 syncs requested"
    told, error = typed.out.splitlines()[-2:]
    assert told.startswith("3 syncs in ")
    assert told.endswith(": 2 succeeded, 1 failed; 60 records")
    assert error == "  acme/broken: the provider failed; it is tried again by itself"


def test_those_of_a_tenant_or_at_a_provider_alone(daemon):
    typed = daemon.rounds("sync", "--all", "--provider", "weather", "--wait", "--json")
    assert typed.code == 0
    end = typed.document["event"]
    assert (end["type"], end["total"], end["successful"]) == ("pass-ended", 2, 2)
    typed = daemon.rounds("sync", "--all", "--tenant", "birch", "--wait")
    assert (typed.code, typed.out.splitlines()[0]) == (0, "1 sync requested")


def test_what_is_left_out_is_named_with_what_keeps_it(daemon):
    daemon.rounds("pause", "acme/broken")
    typed = daemon.rounds("sync", "--all", "--tenant", "acme", "--wait")
    assert (typed.code, typed.out.splitlines()[0]) == (
        0,
        "1 sync requested; 1 left out: acme/broken (paused)",
    )
    typed = daemon.rounds("sync", "--all", "--provider", "broken")
    assert typed.code == 3
    assert "nothing was requested; 1 left out: acme/broken (paused)" in typed.err
    daemon.rounds("resume", "acme/broken")


def test_without_waiting_it_says_how_to(daemon):
    typed = daemon.rounds("sync", "--all", "--tenant", "birch")
    assert typed.out == "1 sync requested; `rounds sync --all --wait` waits for their end\n"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--all", "--tenant", "nobody"), 3),
        (("--all", "acme/weather"), 2),
        (("--all", "--force"), 2),
        ((), 2),
        (("acme/weather", "--tenant", "acme"), 2),
    ],
)
def test_what_makes_no_sense_is_refused(daemon, words, code):
    typed = daemon.rounds("sync", *words)
    assert (typed.code, typed.out) == (code, "")
    assert typed.err.count("\n") == 1
