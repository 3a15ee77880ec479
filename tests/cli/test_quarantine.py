"""What is doubted is shown with what to type, and settled by typing it."""

import pytest

from tests.cli.world import DAYS, terminal, world
from tests.e2e.daemon import TOLERANT

NAME = "acme/weather"
HELD = (NAME, "days")
SHOW = f"rounds data quarantine show {NAME} days"


@pytest.fixture
def there():
    with world(NAME, policy=TOLERANT) as made:
        made.answer = DAYS
        made.provider.routes["/days"] = lambda _, query: (200, page(made.answer, query))
        made.start()
        made.hear("sync-succeeded")
        yield made


def page(rows, query):
    return rows[int(query["page"]) * 10 :][:10]


def failed(world):
    """One sync more, which brings nothing to believe."""
    typed = world.rounds("sync", NAME, "--wait")
    assert typed.code == 1
    return typed


@pytest.mark.requirement("B5")
def test_what_is_held_is_listed_shown_and_accepted(there):
    there.answer = [{**DAYS[0], "rain": 99}, *DAYS[1:9], {"date": "2027-01-01", "rain": 1}]
    assert "rounds data quarantine list" in failed(there).out
    listed = there.rounds("data", "quarantine", "list")
    assert "held back" in listed.out
    assert f"rounds data quarantine show {NAME} days" in listed.out
    shown = there.rounds("data", "quarantine", "show", *HELD).out
    assert "only 10 of 30 records are left" in shown
    assert "1 added, 1 changed, 21 removed; 10 rows then" in shown
    assert "date 2027-01-01, rain 1" in shown
    assert "date 2026-01-01, note (none): rain 0.5 -> 99" in shown
    assert f"rounds data quarantine accept {NAME} days, or" in shown
    data = there.rounds("data", "show", *HELD).out
    assert "of 30 records" in data
    assert "a newer answer is held back" in data
    facts = there.rounds("connection", "show", NAME).out
    assert "days held back" in facts
    health = there.rounds("health").out
    assert "an answer that is held back" in health
    assert f"rounds data quarantine list {NAME}" in health
    accepted = there.rounds("data", "quarantine", "accept", *HELD)
    assert (accepted.code, "is in force as version" in accepted.out) == (0, True)
    assert "of 10 records" in there.rounds("data", "show", *HELD, "--limit", "3").out
    assert "only 10 of 30" not in there.rounds("status").out
    nothing = there.rounds("data", "quarantine", "list")
    assert nothing.out == "nothing is held, and no stream's last answer was doubted\n"
    log = there.rounds("log", "show", "--connection", NAME).out
    assert "10 records held back (only 10 of 30 records are left" in log
    assert "is in force as" in log


@pytest.mark.requirement("B5")
def test_what_is_held_is_dropped_and_what_is_refused_is_told(there):
    there.answer = DAYS[:9]
    failed(there)
    dropped = there.rounds("data", "quarantine", "drop", *HELD)
    assert (dropped.code, "what is in force stays" in dropped.out) == (0, True)
    again = there.rounds("data", "quarantine", "drop", *HELD, "--json")
    assert (again.code, again.problem["code"]) == (3, "not-found")
    there.answer = []
    failed(there)
    listed = there.rounds("data", "quarantine", "list", NAME)
    assert "refused" in listed.out
    shown = there.rounds("data", "quarantine", "show", *HELD)
    assert f"rounds sync {NAME} --wait, once its provider is well again" in shown.out
    document = there.rounds("data", "quarantine", "show", *HELD, "--json").document
    assert (document["doubt"]["guard"], document["held"]) == ("empty", None)


@pytest.mark.requirement("B5")
@pytest.mark.requirement("F5")
def test_what_is_held_can_only_be_dropped_after_a_rollback_and_that_is_said_before(there):
    """What is in force then is older data, not newer."""
    there.answer = [*DAYS[:29], {**DAYS[29], "rain": 99}]
    assert there.rounds("sync", NAME, "--wait").code == 0
    there.answer = DAYS[:9]
    failed(there)
    listed = there.rounds("data", "versions", *HELD, "--json").lines
    line = ("rollback", NAME, "--to", f"v{listed[1]['version']}")
    words = f"days: what is held of it cannot be accepted any more then; look first: {SHOW}\n"
    assert words in there.rounds(*line, "--dry-run").out
    assert there.rounds(*line, "--yes").code == 0
    version, to = (
        there.rounds("data", "versions", *HELD, "--json").lines[0]["version"],
        next(e["to"] for e in there.home.log() if e["type"] == "rollback-started"),
    )
    in_force = f"version {version}: went back to event {to}"
    shown = there.rounds("data", "quarantine", "show", *HELD).out
    assert f"30 rows ({in_force})" in shown
    assert f"no more: another version is in force ({in_force}); drop it" in shown
    assert "if accepted" not in shown
    assert "would be removed" not in shown
    held = there.rounds("data", "quarantine", "show", *HELD, "--json").document["held"]
    assert (held["removed"], held["removed_examples"]) == (21, [])
    listed = there.rounds("data", "quarantine", "list").out
    assert f"{SHOW}; then drop it: another version is in force" in listed
    refused = there.rounds("data", "quarantine", "accept", *HELD)
    assert (refused.code, f"({in_force}), so that it cannot be" in refused.err) == (2, True)
    assert there.rounds("data", "quarantine", "drop", *HELD).code == 0


def test_where_nothing_is_held_that_is_said(there):
    for word in ("show", "accept", "drop"):
        typed = there.rounds("data", "quarantine", word, *HELD)
        assert typed.code == 3
        assert "`rounds data quarantine list` shows what is" in typed.err


@pytest.mark.requirement("B5")
def test_accepting_waits_for_a_sync_that_runs(there):
    """Without --wait it is refused; the sync may bring newer data, and then it is too late."""
    there.answer = DAYS[:9]
    failed(there)
    slow = there.provider.slow

    def waits(_, query):
        slow.wait(45)
        return 200, page(DAYS[:9], query)

    there.provider.routes["/days"] = waits
    there.rounds("sync", NAME)
    refused = there.rounds("data", "quarantine", "accept", *HELD)
    assert (refused.code, "--wait" in refused.err) == (1, True)
    with there.open("data", "quarantine", "accept", *HELD, "--wait") as waiting:
        slow.set()
        out, err = waiting.communicate(timeout=45)
    assert (waiting.returncode, err) == (0, "")
    assert "is in force as version" in out


def test_a_fields_names_cannot_steer_a_terminal(there):
    """They are the provider's words."""
    red = "\x1b[31m"
    there.answer = [{**each, f"f{red}": 1} for each in DAYS]
    assert there.rounds("sync", NAME, "--wait").code == 0
    there.answer = DAYS
    failed(there)
    shown = terminal(there, "data", "quarantine", "show", *HELD)
    assert "fields gone" in shown.out
    assert red + "1" not in shown.out
    assert f"f{red}" not in shown.out
