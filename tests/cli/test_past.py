"""How do people ask for days by typing: more of them, those that failed, those of the past?"""

import re
import signal
import threading

import pytest

from tests.cli.world import WAIT_S, terminal, world

DAYS = 5  # of the window
PAST = ("--from", "2026-01-01", "--to", "2026-01-10", "--batch", "4")


class Steps:
    """A provider's route: a record for each day that is asked for, unless it is broken."""

    def __init__(self):
        self.asked = []
        self.broken = set()
        self.status = 500
        self.free = threading.Event()  # answers wait for it
        self.free.set()
        self.waits = threading.Event()

    def __call__(self, request, query):
        if not self.free.is_set():
            self.waits.set()
            self.free.wait(WAIT_S)
        self.asked.append(query["day"])
        if query["day"] in self.broken or "all" in self.broken:
            return self.status, []
        return 200, [{"day": query["day"], "steps": 1000}]

    def hold(self):
        self.waits.clear()
        self.free.clear()


@pytest.fixture(scope="module")
def running():
    with world("acme/weather") as made:
        steps = {
            "path": "/steps",
            "params": {"day": "{day}"},
            "primary_key": ["day"],
            "mode": "window",
            "window": {"days": DAYS},
        }
        made.home.provide("walks", made.provider.url, streams={"steps": steps})
        made.start()
        yield made


@pytest.fixture
def steps(running):
    """What the provider answers, for one test."""
    made = running.provider.routes["/steps"] = Steps()
    yield made
    made.free.set()


@pytest.fixture
def daemon(running, steps, request):
    """The daemon, with a connection of the test's own that has been synced once."""
    name = f"{request.node.name.partition('[')[0][5:60]}/walks"
    assert running.rounds("connection", "add", name).code == 0
    running.hear("sync-succeeded", subject=subject(running, name))
    running.name = name
    steps.asked.clear()
    yield running
    steps.free.set()
    assert running.rounds("connection", "remove", name, "--yes").code == 0


def subject(daemon, name):
    shown = daemon.rounds("connection", "show", name, "--json").document
    return shown["connection"]["subject"]


# Days of the past.


@pytest.mark.requirement("C7")
def test_days_of_the_past_are_fetched_newest_first_and_followed_to_the_end(daemon, steps):
    typed = daemon.rounds("backfill", daemon.name, *PAST, "--wait")
    assert typed.code == 0
    first, *lines, last = typed.out.splitlines()
    assert first == f"{daemon.name}: 10 days of steps to fetch, the newest first"
    assert last == f"{daemon.name}: backfill done"
    started = [line for line in lines if " started " in line]
    assert [re.search(r"of (\S+ to \S+) started \(backfill", line)[1] for line in started] == [
        "2026-01-07 to 2026-01-10",
        "2026-01-03 to 2026-01-06",
        "2026-01-01 to 2026-01-02",
    ]
    assert len(steps.asked) == 10
    assert "steps of 2026-01-01 to 2026-01-02: 2 records fetched, 2 new" in typed.out


def test_programs_get_the_event_that_ended_it(daemon):
    typed = daemon.rounds("backfill", daemon.name, *PAST, "--wait", "--json")
    assert typed.code == 0
    event = typed.document["event"]
    assert (event["type"], event["how"]) == ("backfill-ended", "done")


def test_how_far_it_is_is_shown_and_it_can_be_ended(daemon, steps):
    steps.hold()
    assert daemon.rounds("backfill", daemon.name, *PAST).out == (
        f"{daemon.name}: 10 days of steps to fetch, the newest first\n"
    )
    assert steps.waits.wait(WAIT_S)
    assert daemon.rounds("backfill", daemon.name, *PAST).out.endswith(
        "the newest first; no more of 2026-01-01 to 2026-01-10, which were left of the one before\n"
    )
    shown = daemon.rounds("connection", "show", daemon.name).out
    assert "backfill        0 of 10 days done, 4 a sync, newest first; left 2026-01-01 to" in shown
    assert re.search(r"running +sync \d+ \(backfill\), steps: ", shown)
    assert re.search(rf"{daemon.name} +processing +backfill +10 ", daemon.rounds("queue").out)
    typed = daemon.rounds("cancel", daemon.name)
    assert typed.out == f"{daemon.name}: backfill cancelled; what it fetched is kept\n"
    assert "backfill  " not in daemon.rounds("connection", "show", daemon.name).out
    assert "nothing runs" in daemon.rounds("cancel", daemon.name).out


def test_a_sync_that_runs_is_taken_back_before_the_backfill(daemon, steps):
    steps.hold()
    daemon.rounds("sync", daemon.name)
    assert steps.waits.wait(WAIT_S)
    daemon.rounds("backfill", daemon.name, *PAST)
    typed = daemon.rounds("cancel", daemon.name)
    assert (
        typed.out
        == f"{daemon.name}: cancelled; its backfill goes on, until you type it once more\n"
    )
    assert "backfill cancelled" in daemon.rounds("cancel", daemon.name).out


def test_who_no_longer_waits_leaves_it_running_and_is_told_so(daemon, steps):
    steps.hold()
    with daemon.open("backfill", daemon.name, *PAST, "--wait") as waiting:
        assert steps.waits.wait(WAIT_S)
        while " started " not in waiting.stdout.readline():
            pass
        waiting.send_signal(signal.SIGINT)
        _, complaint = waiting.communicate()
    assert waiting.returncode == 130
    assert f"the backfill goes on; `rounds connection show {daemon.name}`" in complaint
    steps.free.set()
    daemon.hear("backfill-ended", subject=subject(daemon, daemon.name), how="done")


def test_one_that_cannot_go_on_ends_with_1(daemon, steps):
    steps.broken, steps.status = {"all"}, 404
    typed = daemon.rounds("backfill", daemon.name, *PAST, "--wait")
    assert typed.code == 1
    last = typed.out.splitlines()[-1]
    assert last == f"{daemon.name}: backfill given up; the days up to 2026-01-10 are not fetched"


def test_it_is_followed_through_a_restart(daemon, steps):
    steps.hold()
    with daemon.open("backfill", daemon.name, *PAST, "--wait") as waiting:
        assert steps.waits.wait(WAIT_S)
        daemon.process.kill()
        daemon.process.wait(WAIT_S)
        daemon.start()
        steps.free.set()
        out, _ = waiting.communicate(timeout=WAIT_S)
    assert waiting.returncode == 0
    assert "interrupted: rounds died; it starts again by itself" in out
    assert out.endswith(f"{daemon.name}: backfill done\n")


@pytest.mark.parametrize(
    "words, why",
    [
        ("acme/weather --from 2026-01-01 --to 2026-01-02", "no stream that is fetched day by day"),
        ("NAME --from 1026-01-01 --to 2026-01-02", "there are no days"),
        ("NAME --from 2998-12-31 --to 2999-01-02", "2999-01-02 has not come yet"),
    ],
)
def test_days_that_cannot_be_are_refused(daemon, words, why):
    typed = daemon.rounds("backfill", *words.replace("NAME", daemon.name).split(), "--json")
    assert (typed.code, typed.out, typed.problem["code"]) == (2, "", "invalid")
    assert why in typed.err


# Days that failed, and more days.


@pytest.mark.requirement("C4")
def test_days_that_failed_are_said_as_spans_and_fetched_alone(daemon, steps):
    assert daemon.rounds("sync", daemon.name, "--failed-days", "--wait").out == (
        f"{daemon.name}: no day is owed\n"
    )
    assert daemon.rounds("sync", daemon.name, "--wait").code == 0
    one, two, _, four, _ = days = sorted(steps.asked)
    steps.broken = {one, two, four}
    typed = daemon.rounds("sync", daemon.name, "--wait")
    assert typed.code == 0
    lost = f"steps of {one} to {two}, {four} failed: the provider failed (500)"
    assert typed.out.splitlines()[-1].count(f"; but {lost}") == 1
    shown = daemon.rounds("connection", "show", daemon.name).out
    assert re.search(rf"steps owes +{one} to {two}, {four} \(3 days\); the next", shown)
    assert f"rounds sync {daemon.name} --failed-days" in shown
    steps.broken = set()
    steps.asked.clear()
    typed = daemon.rounds("sync", daemon.name, "--failed-days", "--wait")
    assert typed.code == 0
    assert "of the days that failed started (manual" in typed.out
    assert sorted(steps.asked) == [one, two, four]
    assert days[0] == one
    assert "owes" not in daemon.rounds("connection", "show", daemon.name).out


@pytest.mark.requirement("C7")
def test_one_sync_can_go_back_further(daemon, steps):
    typed = daemon.rounds("sync", daemon.name, "--days", "9", "--threshold", "2h", "--wait")
    assert typed.code == 0
    assert "of 9 days started (manual" in typed.out
    assert len(steps.asked) == 9


def test_what_another_request_stands_before_is_not_heeded_and_said(daemon, steps):
    steps.hold()
    daemon.rounds("sync", daemon.name)
    assert steps.waits.wait(WAIT_S)
    assert daemon.rounds("sync", daemon.name).code == 0
    typed = daemon.rounds("sync", daemon.name, "--days", "30")
    assert "a sync is already requested, after the one that runs; what you ask" in typed.out


def test_days_are_of_what_goes_day_by_day(daemon):
    typed = daemon.rounds("sync", "acme/weather", "--days", "3")
    assert typed.code == 2
    assert "acme/weather has no stream that is fetched day by day" in typed.err


def test_on_a_terminal_the_progress_goes_and_the_outcome_stays(daemon):
    typed = terminal(daemon, "backfill", daemon.name, *PAST, "--wait")
    assert typed.code == 0
    assert "backfill done" in typed.out
