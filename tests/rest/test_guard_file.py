"""Does a provider's file say what is doubted, and what holds where it says nothing?"""

from datetime import timedelta

import msgspec
import pytest

from daemon import guard_file, json_place, provider_file, rest
from daemon.cli import guard_facts
from daemon.connect import declaration
from daemon.csv_file import Csv
from daemon.exchange import CallLost, Response
from daemon.guard_file import Guards
from daemon.guard_words import told
from daemon.page import take
from daemon.paging_file import PagePaging
from daemon.provider_file import ProviderFile
from daemon.stream_file import Cursor, Stream, Window
from daemon.strict_toml import ConfigurationError
from events.schema import RecordsRefused
from events.terms import FailureClass, Guard, GuardPolicy, Mode, Reaction

pytestmark = pytest.mark.requirement("B5")

FILE = """
name = "weather"
base_url = "https://api.example.com/v1"
[streams.days]
path = "/days.json"
primary_key = ["date"]
"""
GUARDS = """
empty = "quarantine"
total = "meta.total"
[streams.days.guards]
shrunk = "rollback"
shrunk_by = 0.2
rows_min = 5
schema = "accept"
duplicates = "rollback"
duplicates_share = 0.25
stale = "quarantine"
stale_after = "3d"
incomplete = "quarantine"
"""
ACCEPT, ROLLBACK, QUARANTINE = Reaction.ACCEPT, Reaction.ROLLBACK, Reaction.QUARANTINE


def read(tmp_path, text):
    path = tmp_path / "weather.toml"
    path.write_text(text)
    return provider_file.load(path)


def test_what_the_file_says_is_what_is_decided_by(tmp_path):
    (stream,) = declaration(read(tmp_path, FILE + GUARDS)).streams
    assert stream.empty is QUARANTINE
    assert stream.guards == GuardPolicy(
        shrunk=ROLLBACK,
        shrunk_by=0.2,
        rows_min=5,
        schema=ACCEPT,
        duplicates=ROLLBACK,
        duplicates_share=0.25,
        stale=QUARANTINE,
        stale_after=timedelta(days=3),
        incomplete=QUARANTINE,
    )


def test_where_the_file_says_nothing_a_file_is_the_same_file_as_ever(tmp_path):
    """What held is not declared anew because we know more keys."""
    plain = read(tmp_path, FILE)
    assert b"guards" not in msgspec.json.encode(plain)
    (stream,) = declaration(plain).streams
    assert stream.guards == GuardPolicy()


def test_days_come_and_go_unless_the_file_says_how_many_may():
    policy = guard_file.policy
    assert policy(Guards(), Mode.FULL).shrunk is QUARANTINE
    assert policy(Guards(), Mode.WINDOW).shrunk is ACCEPT
    assert policy(Guards(shrunk_by=0.9), Mode.WINDOW).shrunk is QUARANTINE
    assert policy(Guards(shrunk=ROLLBACK), Mode.WINDOW).shrunk is ROLLBACK


def test_a_threshold_alone_makes_a_guard_look():
    policy = guard_file.policy
    assert policy(Guards(stale_after="3d"), Mode.FULL).stale is ROLLBACK
    assert policy(Guards(), Mode.FULL).stale is ACCEPT
    assert policy(Guards(duplicates_share=0.1), Mode.FULL).duplicates is QUARANTINE
    assert policy(Guards(), Mode.FULL).duplicates is ACCEPT


def test_records_that_repeat_a_key_are_expected_only_where_the_file_says_so():
    def share(**said):
        return guard_file.policy(Guards(**said), Mode.FULL).duplicates_share

    assert share() == share(duplicates=QUARANTINE) == 0
    assert share(duplicates=ACCEPT) == 1
    assert share(duplicates=ACCEPT, duplicates_share=0.1) == share(duplicates_share=0.1) == 0.1


INCREMENTAL = 'mode = "incremental"\n'
WINDOW = 'mode = "window"\nparams = {day = "{day}"}\nwindow = {}\n'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[streams.days.guards]\nincomplete = "accept"', "guards.incomplete needs total"),
        ('[streams.days.guards]\nstale = "rollback"', "guards.stale needs stale_after"),
        (f"{INCREMENTAL}[streams.days.guards]\nshrunk_by = 0.5", "nothing shrinks or is stale"),
        (f'{INCREMENTAL}[streams.days.guards]\nstale = "accept"', "nothing shrinks or is stale"),
        (f'{WINDOW}[streams.days.guards]\nstale_after = "3d"', "days are told by stale alone"),
        ('total = "a..b"', "total: "),
        ('csv = {}\ntotal = "a"', "it has no total"),
        ("[streams.days.guards]\nshrunk_by = 1.5", "guards.shrunk_by"),
        ("[streams.days.guards]\nrows_min = 0", "guards.rows_min"),
        ('[streams.days.guards]\nschema = "refuse"', "guards.schema"),
        ('[streams.days.guards]\nempty = "accept"', "guards.empty"),
    ],
)
def test_what_would_never_doubt_anything_or_means_nothing_is_a_mistake(tmp_path, text, sentence):
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, FILE + text)
    assert sentence in str(caught.value)


# -- in words -------------------------------------------------------------------------------------

PLAIN = {"path": "/days", "primary_key": ("id",)}


def facts(**stream):
    return guard_facts.of(Stream(**PLAIN | stream))


def test_each_guard_is_told_with_what_becomes_of_an_answer():
    guards = Guards(
        shrunk=ROLLBACK,
        shrunk_by=0.25,
        duplicates_share=0.1,
        stale_after="3d",
        incomplete=ACCEPT,
    )
    assert facts(empty=QUARANTINE, total="meta.total", guards=guards) == {
        "empty": "an answer without records is held back if there were some before, unless the "
        "provider itself says that there are none",
        "shrunk": "an answer that lacks more than 25 % of 20 rows or more is refused",
        "incomplete": "an answer with fewer records than it says there are at meta.total is "
        "accepted",
        "schema": "an answer where a field that every record had is gone from all, or of another "
        "type in all is held back until somebody accepts or drops it",
        "duplicates": "an answer where more than 10 % of the records repeat another one's key is "
        "held back until somebody accepts or drops it",
        "stale": "an answer that has been the same, to the byte, for longer than 3 days is refused",
    }


def test_only_what_is_looked_at_is_told():
    silent = Guards(schema=ACCEPT)
    new = facts(mode=Mode.INCREMENTAL, cursor=Cursor(field="at", param="since"), guards=silent)
    assert new == {"empty": "an answer without records says that nothing is new"}
    loud = Guards(schema=ACCEPT, stale=ROLLBACK, shrunk_by=0.5, duplicates=QUARANTINE)
    window = {"mode": Mode.WINDOW, "window": Window(), "params": {"day": "{day}"}}
    by_day = facts(**window, guards=loud)
    assert by_day["stale"] == "a day that brings only what lies in another day is refused"
    assert by_day["shrunk"].startswith("a day that lacks more than 50 % of 20 rows or more")
    assert by_day["duplicates"].startswith("an answer where a record repeats another one's key")
    assert facts(csv=Csv(), empty=ACCEPT, guards=Guards(shrunk=ACCEPT)).keys() == {
        "empty",
        "schema",
    }


@pytest.mark.parametrize("guard", [*Guard])
def test_every_doubt_has_a_sentence_that_says_what_to_do(guard):
    refused = RecordsRefused(
        stream="days",
        version=9,
        cause=FailureClass.MALFORMED,
        fetched=3,
        rows=30,
        guard=guard,
        offered=3,
        share=0.9,
        limit=0.5,
        fields=2,
        declared=31,
    )
    assert "in force" in told(refused)
    assert guard is Guard.EMPTY or "`rounds data quarantine list`" in told(refused)


def test_what_came_twice_is_told_apart_from_what_did_not_come():
    refused = RecordsRefused(
        stream="days",
        version=9,
        cause=FailureClass.MALFORMED,
        fetched=300,
        rows=300,
        guard=Guard.INCOMPLETE,
        declared=300,
    )
    assert 'say guards.duplicates = "accept" in its file' in told(refused)
    assert "twice" not in told(msgspec.structs.replace(refused, fetched=299))


# -- how many there are, as an answer says --------------------------------------------------------


async def ignored(records):
    del records


def answer(body):
    return Response(status=200, headers={}, body=body.encode(), duration_ms=1)


@pytest.mark.parametrize(
    ("said", "declared"),
    [("12", 12), ('"12"', 12), ("0", 0), ("null", None)],
)
async def test_an_answer_says_how_many_there_are(said, declared):
    stream = Stream(**PLAIN, records="rows", total="total")
    page = await take(stream, answer(f'{{"rows": [], "total": {said}}}'), None, ignored)
    assert page.declared == declared


@pytest.mark.parametrize("said", ["-1", "1.5", "true", '"many"', '"1e3"', "[]", '"٣"'])
async def test_what_is_no_number_of_records_is_said_so(said):
    stream = Stream(**PLAIN, records="rows", total="total")
    with pytest.raises(CallLost, match="check total in its file"):
        await take(stream, answer(f'{{"rows": [], "total": {said}}}'), None, ignored)


async def test_an_expression_that_does_not_fit_is_said_so():
    stream = Stream(**PLAIN, records="rows", total="length(total)")
    with pytest.raises(CallLost, match="check total in its file"):
        await take(stream, answer('{"rows": [], "total": 3}'), None, ignored)


@pytest.mark.parametrize(("total", "apart"), [("meta.total", ("rows",)), ("rows[0].of", None)])
def test_a_large_list_is_read_some_records_at_a_time_where_the_number_lies_beside_it(total, apart):
    assert json_place.apart(Stream(**PLAIN, records="rows", total=total), None) == apart


@pytest.mark.parametrize(
    ("pages", "declared"),
    [
        ([(20, 41), (20, None), (1, 42)], 41),
        ([(20, 42), (20, 41), (1, 42)], 41),
        ([(20, None), (20, 41), (1, None)], 41),
        ([(20, 40), (20, 40), (0, 0)], 40),
        ([(0, 0)], 0),
        ([(0, None)], None),
    ],
)
async def test_the_least_that_a_page_with_records_says_counts(pages, declared):
    """What is added meanwhile is for the next time; past the last record some say that none are."""

    async def send(request):
        rows, total = pages[int(request.params["page"]) - 1]
        document = {"rows": [{"id": f"{request.params['page']} {n}"} for n in range(rows)]}
        return answer(msgspec.json.encode({**document, "total": total}).decode())

    paging = PagePaging(size=20, last="short")
    stream = Stream(**PLAIN, records="rows", total="total", paging=paging)
    file = ProviderFile(name="weather", base_url="https://a.example", streams={"days": stream})
    fetched = await rest.fetch(file, "days", None, send, ignored)
    assert (fetched.records, fetched.declared) == (sum(rows for rows, _ in pages), declared)
