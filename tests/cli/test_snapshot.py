"""Which snapshots are there, and is one made by typing?"""

import pytest

from tests.cli.world import world

pytestmark = [pytest.mark.requirement("F5")]


@pytest.fixture
def daemon():
    with world("acme/weather") as made:
        made.start()
        made.hear("sync-succeeded")
        yield made


def test_there_are_none_before_one_is_taken(daemon):
    typed = daemon.rounds("snapshot", "list")
    assert (typed.code, typed.err) == (0, "")
    assert "there are none yet" in typed.out
    assert "rounds snapshot take" in typed.out


def test_one_that_was_taken_is_listed_with_its_event_and_use(daemon):
    taken = daemon.rounds("snapshot", "take", "--json").document
    assert taken["message"] == f"snapshot taken of event {taken['snapshot']:,}"
    typed = daemon.rounds("snapshot", "list")
    head, row = typed.out.splitlines()
    assert head.split() == ["event", "when", "size", "it", "is"]
    assert row.split()[0] == str(taken["snapshot"])
    assert row.endswith("good")
    (shown,) = daemon.rounds("snapshot", "list", "--json").document["snapshots"]
    assert (shown["snapshot"], shown["usable"], shown["fault"]) == (taken["snapshot"], True, "")
    assert shown["bytes"] > 100


def test_a_second_one_of_the_same_moment_is_the_first(daemon):
    first = daemon.rounds("snapshot", "take").out
    assert first.startswith("snapshot taken of event ")
    second = daemon.rounds("snapshot", "take").out
    assert second.startswith("nothing has happened since the last one, which is of event ")


def test_why_one_is_of_no_use_is_said(daemon):
    daemon.rounds("snapshot", "take")
    (path,) = (daemon.home.state / "snapshots").iterdir()
    path.write_bytes(b"something else")
    row = daemon.rounds("snapshot", "list").out.splitlines()[1]
    assert "of no use: it cannot be read" in row or "of no use: it is cut short" in row
