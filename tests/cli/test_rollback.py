"""How does one take connections back by typing, and see before what that changes?"""

import pytest

from tests.cli.world import DAYS, terminal, world

pytestmark = pytest.mark.requirement("F5")


@pytest.fixture(scope="module")
def daemon():
    with world("acme/weather", "acme/broken", sync={"stop_within": "1s"}) as made:
        made.changed = [*DAYS]
        made.provider.routes["/days"] = lambda _, query: (
            200,
            made.changed[10 * int(query.get("page", 0)) :][:10],
        )
        made.start()
        made.hear("sync-succeeded")
        yield made


@pytest.fixture
def spoilt(daemon):
    """The event of a good sync, after which another one fetched other days."""
    daemon.changed[:] = DAYS
    assert daemon.rounds("sync", "acme/weather", "--wait").code == 0
    good = daemon.rounds("status", "--json").document["seq"]
    daemon.changed[:] = [
        *({**each, "rain": -1.0} for each in DAYS[:5]),
        *DAYS[5:20],
        {"date": "2027-01-01", "rain": 7.0, "note": None},
    ]
    assert daemon.rounds("sync", "acme/weather", "--wait").code == 0
    yield good
    daemon.changed[:] = DAYS


def shown(daemon):
    typed = daemon.rounds("data", "show", "acme/weather", "days", "--all", "--json")
    return typed.lines


def test_what_would_change_is_shown_and_nothing_changes(daemon, spoilt):
    typed = daemon.rounds(
        "rollback", "acme/weather", "--to", str(spoilt), "--dry-run", "--limit", "2"
    )
    assert typed.code == 0, typed.err
    first, _, days, fetches, *examples = typed.out.splitlines()
    assert first.startswith(f"acme/weather back to event {spoilt} (")
    assert days.split()[-4:] == ["10", "5", "1", "30"]
    assert fetches == "days: its next sync fetches everything"
    assert len(examples) == 2
    assert len(shown(daemon)) == 21
    found = daemon.rounds(
        "rollback", "acme/weather", "--to", str(spoilt), "--dry-run", "--json"
    ).document
    (stream,) = found["streams"]
    assert (stream["added"], stream["changed"], stream["removed"]) == (10, 5, 1)
    assert not stream["examples"]


def test_it_goes_back_and_forth(daemon, spoilt):
    now = shown(daemon)
    typed = daemon.rounds("rollback", "acme/weather", "--to", str(spoilt), "--yes")
    assert typed.code == 0, typed.err
    first, second = typed.out.splitlines()
    assert first.startswith("acme/weather: days to version ")
    assert first.endswith(": 10 came back, 5 changed, 1 removed; 30 records now")
    assert second.startswith(f"acme/weather went back to event {spoilt}; its next turn fetches")
    assert shown(daemon) == [*DAYS]
    number = second.rpartition("--undo ")[2].split()[0]
    typed = daemon.rounds("rollback", "acme/weather", "--undo", number, "--yes", "--json")
    assert typed.document["streams"][0]["removed"] == 10
    assert shown(daemon) == now
    log = daemon.rounds("log", "show", "--connection", "acme/weather").out
    assert "went back to event" in log
    assert "going back to event" in log


def test_what_is_as_it_was_says_so(daemon, spoilt):
    typed = daemon.rounds("rollback", "acme/weather", "--to", "-0s", "--yes")
    assert typed.code == 2
    head = daemon.rounds("status", "--json").document["seq"]
    typed = daemon.rounds("rollback", "acme/weather", "--to", str(head), "--yes")
    words = f"is as it was at event {head}: nothing differs, and nothing was recorded"
    assert typed.out == f"acme/weather {words}\n"
    typed = daemon.rounds("rollback", "acme/weather", "--to", str(head), "--dry-run")
    assert typed.out.endswith(f"nothing differs from what it was at event {head}\n")


def test_a_version_is_gone_back_to_by_its_name(daemon, spoilt):
    listed = daemon.rounds("data", "versions", "acme/weather", "days", "--json").lines
    wanted = f"v{listed[1]['version']}"
    typed = daemon.rounds("rollback", "acme/weather", "--to", wanted, "--yes")
    assert typed.code == 0, typed.err
    assert f"days to version {wanted[1:]}: 10 came back" in typed.out
    assert shown(daemon) == [*DAYS]
    typed = daemon.rounds("rollback", "acme/weather", "--to", wanted[1:], "--dry-run")
    assert f"once it was over: --to {wanted}\n" in typed.out


def test_state_is_shown_and_goes_back_alone(daemon, spoilt):
    now = shown(daemon)
    assert daemon.rounds("sync", "acme/broken", "--wait").code == 1
    before = daemon.rounds("connection", "show", "acme/broken", "--json").document["connection"]
    of = [each for each in daemon.home.log() if each["subject"] == before["subject"]]
    added = next(each["seq"] for each in of if each["type"] == "sync-scheduled")
    line = ("rollback", "acme/broken", "--to", str(added), "--state")
    typed = daemon.rounds(*line, "--dry-run")
    assert typed.code == 0, typed.err
    assert "failures in a row" in typed.out
    typed = daemon.rounds(*line, "--yes")
    assert typed.code == 0, typed.err
    after = daemon.rounds("connection", "show", "acme/broken", "--json").document["connection"]
    assert (before["consecutive_failures"] > 0, after["consecutive_failures"]) == (True, 0)
    assert after["failed"] == before["failed"]
    typed = daemon.rounds(*line, "--dry-run")
    assert typed.out.endswith(f"nothing differs from what it was at event {added}\n")
    assert shown(daemon) == now


def test_many_go_back_and_who_cannot_is_named(daemon, spoilt):
    typed = daemon.rounds("rollback", "--tenant", "acme", "--to", str(spoilt), "--yes")
    assert typed.code == 0, typed.err
    assert shown(daemon) == [*DAYS]
    assert "acme/broken is as it was at event" in typed.out
    assert (
        daemon.rounds("connection", "add", "acme/weather/late", "--provider", "weather").code == 0
    )
    try:
        typed = daemon.rounds("rollback", "--all", "--to", str(spoilt), "--yes")
        assert typed.code == 1
        assert typed.err == (
            "rounds: 1 of 3 connections did not go back: acme/weather/late was not there yet at "
            f"event {spoilt}\n"
        )
    finally:
        assert daemon.rounds("connection", "remove", "acme/weather/late", "--yes").code == 0


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (["acme/weather"], 2, "say whereto: --to WHEN, or --undo EVENT"),
        (["acme/weather", "--to", "5", "--undo", "7"], 2, "--to and --undo were both given"),
        (
            ["acme/weather", "--to", "5", "--state", "--stream", "days"],
            2,
            "its state goes back as a whole: leave --stream out, or --state",
        ),
        (["--to", "5"], 2, "name a connection, or --tenant, --provider or --all"),
        (["acme/weather", "--all", "--to", "5"], 2, "name a connection, or"),
        (["--all", "--undo", "5", "--yes"], 2, "name the connection of the rollback"),
        (["acme/weather", "--to", "5"], 2, "add --yes to take acme/weather back"),
        (["--all", "--to", "5"], 2, "add --yes to take 2 connections back"),
        (["acme/weather", "--to", "soon", "--yes"], 2, "'soon' is no moment"),
        (["acme/weather", "--to", "999999", "--yes"], 3, "there is no event 999999 yet"),
        (["acme/weather", "--to", "2999-01-01", "--yes"], 2, "is yet to come"),
        (["acme/weather", "--to", "1999-01-01", "--yes"], 3, "nothing is known of 1999-01-01"),
        (["acme/weather", "--to", "1", "--yes"], 3, "acme/weather was not there yet at event 1"),
        (["acme/weather", "--undo", "1", "--yes"], 2, "event 1 is no rollback of acme/weather"),
        (
            ["acme/weather", "--to", "9", "--stream", "x", "--yes"],
            3,
            "acme/weather has no stream x",
        ),
        (["acme/nobody", "--to", "5", "--yes"], 3, "there is no connection acme/nobody"),
        (["--tenant", "nobody", "--to", "5", "--yes"], 3, "there is no connection of nobody"),
    ],
)
def test_what_is_typed_wrong_says_what_to_type(daemon, line, code, said):
    typed = daemon.rounds("rollback", *line)
    assert typed.code == code, typed.err
    assert said in typed.err


def test_a_person_is_shown_what_changes_and_asked(daemon, spoilt):
    line = ("rollback", "acme/weather", "--to", str(spoilt))
    typed = terminal(daemon, *line, typed="n", after="[y/N]")
    assert typed.code == 1
    assert "Take acme/weather back?" in typed.out
    assert "nothing was changed" in typed.out
    assert len(shown(daemon)) == 21
