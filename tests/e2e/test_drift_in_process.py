"""Ten weeks of a daemon in this process, whose provider has a record an hour, but not always."""

from datetime import timedelta

import msgspec
import pytest
import trio

from daemon import came, commands
from daemon.cli import drift as drift_command
from daemon.control import asof, drift, operations
from daemon.control.desk import Refused
from daemon.control.drift_messages import DriftAnswer, DriftBacktest, DriftQuery, OfSource
from daemon.exchange import Request, Response
from daemon.provider_file import ProviderFile
from daemon.stream_file import Guards, Stream
from events.policy import Settings
from events.terms import Caller, Mode, Reaction
from projections.arrivals import Step
from projections.drift import ALARMS, Word
from tests.fakes.in_process import EPOCH, NAME, InProcess, play

pytestmark = pytest.mark.requirement("D5")

BY = Caller(uid=0, role="viewer")
A_DAY, AN_HOUR = timedelta(days=1), timedelta(hours=1)
DAYS = 70
LOW, NOTHING = 50, 60
"""On that day every sixth hour has a record, on the other none has."""

BELIEVED = Guards(schema=Reaction.ACCEPT)
REBUILT = 55
"""From that day on stations have other fields."""

FIELDS = {"records": "@", "primary_key": ("id",), "mode": Mode.INCREMENTAL}


class Hours(InProcess):
    """The answer has a day's hours; the sync is four times a day, so most of them are known."""

    file = ProviderFile(
        name="health",
        base_url="https://health.example",
        streams={
            "hours": Stream(path="/hours", empty=Reaction.ACCEPT, **FIELDS),
            "stations": Stream(path="/stations", records="@", primary_key=("id",), guards=BELIEVED),
            "never": Stream(path="/never", empty=Reaction.ACCEPT, **FIELDS),
        },
    )

    def __init__(self, every="6h"):
        super().__init__()
        self.interval = every

    async def send(self, request: Request) -> Response:
        hour = int((self.clock.now() - EPOCH) / AN_HOUR)
        found = [{"id": each} for each in range(max(0, hour - 24), hour) if self.has(each)]
        if request.stream == "stations":
            new = hour >= REBUILT * 24
            fields = {"height": "3 m", "unit": "m"} if new else {"height": 3, "town": "Lugo"}
            found = [{"id": each} | fields for each in range(30)]
        body = msgspec.json.encode(found if request.stream != "never" else [])
        return Response(status=200, headers={}, body=body, duration_ms=1, size=len(body))

    def has(self, hour):
        day = hour // 24
        return day != NOTHING and (day != LOW or hour % 6 == 0)


async def live(days):
    """Let so many days pass by, an hour at a leap: a daemon that sleeps wakes every minute."""
    for _ in range(round(days * 24)):
        trio.lowlevel.current_clock().jump(3590)
        await trio.sleep(10)


@pytest.fixture(scope="module")
def found():
    """What was asked after ten weeks, by question."""
    answers = {}

    async def scene():
        made = Hours()
        async with made.life() as daemon:
            await live(DAYS + 0.5)
            desk = made.desk(daemon)
            await ask(answers, desk, daemon, made)

    play(scene)
    return answers


async def ask(answers, desk, daemon, made):
    answers["now"] = await drift.drift(desk, DriftQuery(connection=NAME), BY)
    for day in (LOW, LOW + 1, NOTHING):
        at = (EPOCH + (day + 1.5) * A_DAY).isoformat()
        answers[day] = await asof.answer(desk, drift.drift, DriftQuery(connection=NAME), BY, at)
    answers["backtest"] = await drift.drift_backtest(desk, DriftQuery(connection=NAME), BY)
    lenient = DriftQuery(connection=NAME, stream="hours", percent=80)
    answers["lenient"] = await drift.drift_backtest(desk, lenient, BY)
    short = DriftQuery(connection=NAME, stream="hours", days=20)
    answers["short"] = await drift.drift_backtest(desk, short, BY)
    for source in ("health", "health/hours"):
        wish = OfSource(tenant="acme", source=source)
        answers[source] = await drift.calculate_data_drift(desk, wish, BY)
    for wish in (
        DriftQuery(connection=NAME, stream="nights"),
        DriftQuery(connection="acme/nothing"),
    ):
        with pytest.raises(Refused) as refused:
            await drift.drift(desk, wish, BY)
        answers[wish] = refused.value
    for source in ("nothing", "health/nights", "nothing/hours"):
        with pytest.raises(Refused) as refused:
            await drift.calculate_data_drift(desk, OfSource(tenant="acme", source=source), BY)
        answers[f"no {source}"] = refused.value
    settings = Settings(drift_percent=80.0, drift_threshold=9.0)
    daemon.journal.execute(commands.SetSettings(subject=made.subject, settings=settings))
    answers["settings"] = await drift.drift(desk, DriftQuery(connection=NAME), BY)


def stream(answer, name="hours"):
    return next(each for each in answer.streams if each.stream == name)


def test_what_brings_what_it_usually_brings_is_steady(found):
    hours = stream(found["now"])
    assert (hours.step, hours.verdict.word) == (Step.DAY, Word.STEADY)
    assert hours.verdict.actual == 24
    assert hours.verdict.percent == 0
    assert hours.verdict.at == EPOCH + (DAYS - 1) * A_DAY
    assert (hours.freshness.late, hours.reshaped) == (False, [])


def test_a_stream_that_never_brought_anything_has_nothing_to_say(found):
    never = stream(found["now"], "never")
    assert never.freshness is None
    assert never.verdict.word is Word.IRREGULAR


def test_as_of_a_bad_day_it_is_off_by_so_many_percent(found):
    verdict = stream(found[LOW]).verdict
    assert (verdict.word, verdict.at) == (Word.LOW, EPOCH + LOW * A_DAY)
    assert verdict.actual < 12
    assert verdict.percent == pytest.approx(100 * (verdict.actual / 24 - 1))
    assert stream(found[LOW + 1]).verdict.word is Word.STEADY


def test_as_of_a_day_that_brought_nothing_it_is_missing(found):
    answer = found[NOTHING]
    assert answer.now == EPOCH + (NOTHING + 1.5) * A_DAY
    assert stream(answer).verdict.word in {Word.MISSING, Word.LOW}
    assert stream(answer).verdict.actual <= 6, "the hours before midnight come after it"


def test_a_backtest_tells_what_would_have_alarmed_and_how_often(found):
    hours = stream(found["backtest"])
    days = [int((each.at - EPOCH) / A_DAY) for each in hours.alarms]
    assert days == [LOW, NOTHING]
    assert {each.word for each in hours.alarms} <= ALARMS
    assert (hours.periods, hours.runs) == (DAYS, 2)
    assert hours.judged == DAYS - 35
    assert hours.a_month == pytest.approx(2 * 30 / hours.judged)


def test_a_backtest_with_another_setting_tells_what_it_would_have_done(found):
    assert found["lenient"].percent == 80
    assert [int((each.at - EPOCH) / A_DAY) for each in stream(found["lenient"]).alarms] == [NOTHING]


def test_within_few_days_there_is_not_enough_data_and_no_alarm(found):
    hours = stream(found["short"])
    assert (hours.judged, hours.alarms, hours.a_month) == (0, [], None)
    assert found["short"].since == found["short"].now - 20 * A_DAY


def test_the_settings_of_a_connection_say_what_is_too_far(found):
    assert (found["now"].threshold, found["now"].percent) == (7.0, 40.0)
    assert (found["settings"].threshold, found["settings"].percent) == (9.0, 80.0)


@pytest.mark.requirement("A14")
def test_drift_is_calculated_under_the_documents_name(found):
    whole, one = found["health"], found["health/hours"]
    assert [each.stream for each in whole.drifts] == ["hours", "stations", "never"]
    (hours,) = one.drifts
    assert hours == whole.drifts[0]
    assert (hours.drift_percentage, hours.actual, hours.expected) == (0, 24, 24)
    assert (hours.verdict, hours.late, hours.period) == (Word.STEADY, False, Step.DAY)
    assert (one.tenant, one.source, one.connection) == ("acme", "health/hours", NAME)


def test_fields_that_went_came_or_are_of_another_type_are_named(found, capsys):
    shape = stream(found["now"], "stations").shape
    assert [(each.field, each.how, each.before, each.after) for each in shape.shown] == [
        ("town", "gone", "text", ""),
        ("height", "retyped", "number", "text"),
        ("unit", "appeared", "", "text"),
    ]
    assert shape.shifts == 3
    assert stream(found[LOW], "stations").shape.shifts == 0, "as of then they had not yet"
    out = printed(capsys, drift_command.show, found["now"])
    assert "town gone, height was number, is text, unit appeared\n" in out


def test_what_nobody_knows_is_not_found(found):
    stream_, connection = (value for key, value in found.items() if isinstance(key, DriftQuery))
    assert (stream_.code, connection.code) == ("not-found", "not-found")
    assert stream_.message == f"{NAME} has no stream nights; it has: hours, stations, never"
    for source in ("nothing", "health/nights", "nothing/hours"):
        assert found[f"no {source}"].code == "not-found"


@pytest.mark.requirement("X1")
def test_it_can_be_asked_as_of_then():
    names = {each.name for each in operations.OPERATIONS if each.as_of}
    assert {"drift", "drift-backtest", "calculate-data-drift"} <= names


# -- as it is printed -----------------------------------------------------------------------------


def printed(capsys, show, answer, *more):
    show(msgspec.json.decode(msgspec.json.encode(answer), type=type(answer)), *more)
    return capsys.readouterr().out


def test_a_verdict_is_printed_with_the_terms_that_it_was_made_of(found, capsys):
    out = printed(capsys, drift_command.show, found[LOW])
    head, hours, *_ = out.splitlines()
    assert head.split()[:6] == ["stream", "period", "expected", "actual", "off", "verdict"]
    assert hours.split()[:5] == ["hours", "Mon", "20", "Apr", "24"]
    assert " low " in hours
    assert "expected 24 = level 24 (median of 14 days) x 1.000 (median share of 35 days)\n" in out
    assert "spreads; too far is 7, and 40 %\n" in out
    assert "newest data is" in out


def test_a_backtest_is_printed_with_each_alarm(found, capsys):
    out = printed(capsys, drift_command.show_backtest, found["backtest"])
    assert out.startswith("with drift_threshold=7 drift_percent=40, since ")
    assert "hours: 70 whole days, 35 judged; 2 alarms, 1.7 a month\n" in out
    assert "never: 70 whole days, none of which could be judged" in out
    assert out.count("low") + out.count("missing") == 2
    short = printed(capsys, drift_command.show_backtest, found["short"])
    assert "not enough data yet: it takes 35 days with a sync, and a day more" in short


def test_both_answers_are_what_the_operations_give():
    gives = {each.name: each.gives for each in operations.OPERATIONS}
    assert gives["drift"] is DriftAnswer
    assert gives["drift-backtest"] is DriftBacktest


# -- by the hour, and in a crowd of events --------------------------------------------------------


def test_what_is_synced_hourly_is_judged_by_the_hour_and_a_pause_is_set_aside(monkeypatch):
    async def scene():
        made = Hours(every="1h")
        async with made.life() as daemon:
            await live(21.5)
            desk = made.desk(daemon)
            hours = stream(await drift.drift(desk, DriftQuery(connection=NAME), BY))
            assert hours.step is Step.HOUR
            assert (hours.verdict.word, hours.verdict.actual) == (Word.STEADY, 1)
            daemon.journal.execute(commands.Pause(subject=made.subject))
            await live(10 / 24)
            paused = stream(await drift.drift(desk, DriftQuery(connection=NAME), BY))
            assert paused.verdict.word is Word.SET_ASIDE
            monkeypatch.setattr(came, "EVENTS_MAX", 300)
            now, whole = made.clock.now().isoformat(), DriftQuery(connection=NAME)
            with pytest.raises(Refused, match="ask for fewer days"):
                await asof.answer(desk, drift.drift, whole, BY, now)
            some = DriftQuery(connection=NAME, days=1)
            assert stream(await asof.answer(desk, drift.drift, some, BY, now))
            assert stream(await drift.drift(desk, whole, BY)) == paused, "the read model has it"

    play(scene)
