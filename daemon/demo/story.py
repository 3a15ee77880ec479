"""Which story is told, chapter by chapter? What is told was read from the daemon before.

Each chapter sets something up, lets the daemon act, and goes on only if that came about which it is
about; otherwise it ends the demo with `Unexpected`.
"""

import shlex

from daemon.cli import times
from daemon.demo import account, evidence, report
from daemon.demo.claims import expect, failed, in_force, succeeded
from daemon.demo.opening import Mood
from daemon.demo.stage import Stage
from daemon.demo.voice import Voice
from daemon.demo.witness import Witness
from events.schema import SyncInterrupted
from events.terms import FailureClass, InterruptReason

GARAGE, BAKERY, WEATHER = "garage/depot", "bakery/depot", "bakery/weather"

ALL_PARTS = "SELECT * FROM depot_parts ORDER BY connection, sku"
REPLACED = "SELECT count(*) FROM record WHERE until = {version}"
DEAR_PARTS = (
    "SELECT connection, name, stock, price FROM depot_parts",
    "ORDER BY price DESC, connection, sku LIMIT 3",
)
KNOWN_TEXT = "solar panel"  # lies in the data store, so a search that works finds it there


def tell(stage: Stage, voice: Voice) -> None:
    """Tell it all. Raises Unexpected, StageBroken."""
    witness = Witness(stage.socket, voice.event)
    for chapter in (
        _beginning,
        _keys,
        _nothing_new,
        _differences,
        _outage,
        _false_answers,
        report.chapter,
        _power_failure,
        *account.CHAPTERS,
        _sealed,
        _sql,
    ):
        chapter(stage, witness, voice)


def _beginning(_: Stage, witness: Witness, voice: Voice) -> None:
    status = witness.status()
    voice.chapter("A daemon starts, and syncs what it is told to")
    voice.say(
        f"roundsd runs as process {status.pid}. Its configuration names one connection: the",
        "bakery's account at `weather`. What is new is synced at once.",
    )
    succeeded(witness.follow(WEATHER, 0), "the weather to be fetched")


def _keys(stage: Stage, witness: Witness, voice: Voice) -> None:
    voice.chapter("Two connections more, with an API key each")
    voice.say(
        "`depot` sells spare parts to the bakery and to the garage, page by page, and wants a key.",
        "Both accounts are added while roundsd runs; their keys go straight into its vault.",
    )
    for name, tenant in ((BAKERY, "bakery"), (GARAGE, "garage")):
        added = witness.add(name, stage.opening.keys[tenant])
        sync = succeeded(witness.follow(name, added - 1), f"{name} to be synced")
        expect(set(sync.captured) == {"parts", "orders"}, "parts and orders to be captured")


def _nothing_new(_: Stage, witness: Witness, voice: Voice) -> None:
    voice.chapter("Nothing has changed: nothing is written")
    voice.say("The garage's parts and orders are fetched a second time.")
    captured = succeeded(witness.sync(GARAGE), "a second sync to succeed").captured
    parts, orders = captured["parts"], captured["orders"]
    expect(parts.unchanged == parts.rows > 0, "every part to be as before")
    expect(orders.fetched == 0 < orders.rows, "no order to be fetched twice")
    voice.say(
        f"Each of the {parts.rows} parts was compared and none written again. Of the orders, only",
        f"those after the last one known were asked for: the depot sent {orders.fetched}.",
    )


def _differences(stage: Stage, witness: Witness, voice: Voice) -> None:
    voice.chapter("Something has changed: the difference is found")
    voice.say(
        "At the depot a price rises, a part is new, another is sold out, and the garage orders",
        "something.",
    )
    stage.business("garage")
    captured = succeeded(witness.sync(GARAGE), "a third sync to succeed").captured
    parts, orders = captured["parts"], captured["orders"]
    found = (parts.added, parts.changed, parts.removed, orders.added)
    expect(found == (1, 1, 1, 1), "one difference of each kind to be found")
    kept = evidence.select(stage.state, REPLACED.format(version=parts.version)).rows[0][0]
    expect(kept == 2, "the two rows that are no longer in force to be kept")
    voice.say(f"Nothing is overwritten: the {kept} rows no longer in force are kept, as history.")


def _outage(stage: Stage, witness: Witness, voice: Voice) -> None:
    voice.chapter("The provider fails, and recovers")
    before = witness.connection(GARAGE)
    voice.say(
        f"The depot now answers everything with 503. The health score of {GARAGE} is",
        f"{before.score} of 100. Two syncs are tried.",
    )
    stage.mood("depot", Mood.OUTAGE)
    scores = [before.score or 0]
    for _ in range(2):
        failed(witness.sync(GARAGE), FailureClass.SERVER)
        scores.append(witness.connection(GARAGE).score or 0)
    during, other = witness.connection(GARAGE), witness.connection(BAKERY)
    expect(scores[0] > scores[1] > scores[2], "the score to fall with each failure")
    expect(in_force(during) == in_force(before), "the last good rows to stay")
    rows = sum(in_force(during).values())
    voice.say(
        f"The score fell to {scores[1]}, then to {scores[2]}; {BAKERY} has not noticed, and stands",
        f"at {other.score}. All {rows} rows of {GARAGE} stay. Then the depot answers again.",
    )
    stage.mood("depot", Mood.FINE)
    succeeded(witness.sync(GARAGE), "the next sync to succeed")
    after = witness.connection(GARAGE)
    expect((after.score or 0) > scores[2], "the score to rise again")
    voice.say(
        f"The score rises to {after.score}, not to {before.score}: {after.failed} of its",
        f"{after.total} syncs have failed.",
    )


def _false_answers(stage: Stage, witness: Witness, voice: Voice) -> None:
    voice.chapter("Answers that look good and are not")
    before = witness.connection(WEATHER)
    voice.say("The weather service says all is well, and sends an empty list.")
    stage.mood("weather", Mood.EMPTY)
    empty = witness.sync(WEATHER)
    failed(empty, FailureClass.EMPTY)
    expect(set(empty.refused) == {"days"}, "the empty list to be refused")
    voice.say("Then it sends a web page, with the status of success.")
    stage.mood("weather", Mood.HTML)
    failed(witness.sync(WEATHER), FailureClass.MALFORMED)
    rows = in_force(witness.connection(WEATHER))
    expect(rows == in_force(before) and rows["days"] > 0, "the days from before to be in force")
    voice.say(
        f"Neither was taken for data: the {rows['days']} good days stay in force. Then all is well",
        "with the weather again.",
    )
    stage.mood("weather", Mood.FINE)
    succeeded(witness.sync(WEATHER), "the next sync to succeed")


def _power_failure(stage: Stage, witness: Witness, voice: Voice) -> None:
    voice.chapter("The power fails in the middle of a sync")
    before = evidence.select(stage.state, ALL_PARTS)
    process = witness.status().pid
    voice.say("The depot is slow: after the first page of the bakery's parts, nothing comes.")
    stage.mood("depot", Mood.SLOW)
    sync = witness.start(BAKERY)
    stage.kill()
    voice.say(f"Process {process} was just killed (SIGKILL) while sync {sync} waited for page 2.")
    stage.mood("depot", Mood.FINE)
    stage.start()
    voice.say(f"roundsd runs again, as process {witness.status().pid}. What it makes of that:")
    cut = witness.follow(BAKERY, sync)
    expect(
        isinstance(cut.ending, SyncInterrupted) and cut.ending.reason is InterruptReason.DIED,
        "the sync that was cut off to be closed as interrupted",
    )
    again = succeeded(witness.follow(BAKERY, cut.ended), "the sync to be run again by itself")
    parts = again.captured["parts"]
    expect(parts.unchanged == parts.rows > 0, "no part to have been lost or half written")
    verdict = evidence.check_log(stage.state)
    expect(verdict.fault is None, f"the log to be whole ({verdict.fault})")
    expect(verdict.events >= cut.ended > sync, "the log to have gone on")
    expect(evidence.select(stage.state, ALL_PARTS) == before, "every part to be as before")
    voice.say(
        f"The whole log was checked: {verdict.events} events in {verdict.blocks} blocks, no number",
        f"missing, every hash right. All {len(before.rows)} parts are what they were.",
    )


def _sealed(stage: Stage, _: Witness, voice: Voice) -> None:
    voice.chapter("Where are the keys and tokens now?")
    keys, given = stage.opening.keys, stage.handed_out()
    secrets = {
        "the bakery's key": [keys["bakery"]],
        "the garage's key": [keys["garage"]],
        "our secret at Pulse": [stage.opening.client_secret],
        "a code": given.codes,
        "a code's verifier": given.verifiers,
        "an access token": given.access_tokens,
        "a refresh token": given.refresh_tokens,
    }
    for what, texts in secrets.items():
        expect(bool(texts), f"{what} to be looked for")
        found = evidence.search(stage.directory, *texts).found
        expect(not found, f"{what} to be in no file (it is in {', '.join(found)})")
    known = evidence.search(stage.directory, KNOWN_TEXT)
    expect(bool(known.found), f'"{KNOWN_TEXT}" to be found, so that the search is known to work')
    voice.say(
        f"All {known.files} files of this demo ({times.size(known.bytes)}: log, data, vault,",
        "configuration, output) were just searched, as text and in hexadecimal: for both keys of",
        "the depot, for our secret at Pulse, and for all that Pulse ever gave out or was shown,",
        f"{len(given.codes)} codes with their verifiers, {len(given.access_tokens)} access and",
        f"{len(given.refresh_tokens)} refresh tokens. They are in none: the vault holds what is",
        f'needed, encrypted. The same search does find "{KNOWN_TEXT}", in',
        f"{' and '.join(known.found)}.",
    )


def _sql(stage: Stage, _: Witness, voice: Voice) -> None:
    voice.chapter("The data, in SQL")
    voice.say(
        "Each stream is one view over all its connections, for every tool that opens SQLite",
        "files. The dearest parts of all:",
    )
    table = evidence.select(stage.state, " ".join(DEAR_PARTS))
    expect(len(table.rows) == 3, "three parts to be the dearest")
    data = shlex.quote(str(stage.state / "data"))
    voice.commands(f"sqlite3 -readonly {data} '", *(f"  {line}" for line in DEAR_PARTS), "'")
    voice.table(table.columns, table.rows)
