"""What is told of somebody's account: consent, tokens good once, a lost answer, second thoughts?"""

from datetime import date, timedelta

from daemon.cli import times
from daemon.demo.claims import expect, failed, in_force, succeeded
from daemon.demo.grants import ACCESS_S
from daemon.demo.opening import CLIENT_ID, Mood
from daemon.demo.stage import Stage
from daemon.demo.voice import Voice
from daemon.demo.witness import Sync, Witness
from events.schema import (
    AuthorisationNeeded,
    ConnectionAuthorised,
    RecordsCaptured,
    RefreshIntended,
    SyncSkipped,
    SyncStarted,
    SyncSucceeded,
    TokenInDoubt,
)
from events.terms import DoubtReason, FailureClass, NeedReason, RefreshReason

PULSE = "bakery/pulse"
SINCE = timedelta(days=3)  # how long ago the day was that fails once
SYNCS = 5  # that are not shown
LASTS = times.exact(timedelta(seconds=ACCESS_S))


def _consent(stage: Stage, witness: Witness, voice: Voice) -> None:
    voice.chapter("Somebody's account: a person consents")
    voice.say(
        "`pulse`, a health tracker, wants OAuth: the baker allows, in a browser, that rounds reads",
        "her steps. Pulse is strict: PKCE, a client secret, access tokens good for",
        f"{LASTS}, refresh tokens good once. One would type:",
    )
    voice.commands(
        "rounds provider client pulse",
        f"rounds connection add {PULSE}",
        f"rounds connection authorize {PULSE}",
    )
    voice.say("The demo does what these do, and is the browser. For one day, Pulse will fail once.")
    day = (witness.status().now - SINCE).date()
    stage.stumble(day)
    witness.introduce("pulse", CLIENT_ID, stage.opening.client_secret)
    added = witness.add(PULSE)
    witness.until(PULSE, added - 1, AuthorisationNeeded)
    authorised = witness.authorise(PULSE, stage.consent)
    first = succeeded(witness.follow(PULSE, authorised - 1), "the first days to be fetched")
    expect(_owed(witness) == [day], f"{day} to be owed, and no other day")
    _fetch_owed(stage, witness, voice, day, came=len(first.captured["steps"].days))


def _fetch_owed(stage: Stage, witness: Witness, voice: Voice, day: date, *, came: int) -> None:
    voice.say(
        f"{came} days are in. The one that failed is named, and is fetched again with the next",
        "sync; or now, alone:",
    )
    voice.commands(f"rounds sync {PULSE} --failed-days")
    before = len(stage.ledger().days)
    with witness.hearing(SyncStarted, RecordsCaptured, SyncSucceeded):
        succeeded(witness.sync(PULSE, failed_days=True), "the day that failed to be fetched")
    asked = stage.ledger().days[before:]
    expect(asked == [day.isoformat()], f"Pulse to be asked for {day} and nothing else")
    expect(not _owed(witness), "no day to be owed any more")
    voice.say(f"Pulse's own ledger: it was asked for {asked[0]}, and for no other day.")


def _rotation(stage: Stage, witness: Witness, voice: Voice) -> None:
    voice.chapter("Tokens that are good once")
    voice.say(
        "Each sync begins with a refresh, and each refresh replaces the refresh token too. An old",
        f"one shown again would void the consent. Now {SYNCS} syncs that are not shown:",
    )
    voice.commands(f"rounds sync {PULSE} --days 1")
    with witness.hearing():
        for _ in range(SYNCS):
            succeeded(witness.sync(PULSE, days=1), "every sync to succeed")
    *used, last = stage.ledger().presented
    expect(set(used) == {1} and not last, "each refresh token but the last to be used once")
    grant = witness.connection(PULSE).grant
    expect(grant is not None and grant.refreshes == len(used), "the log to know of each refresh")
    voice.say(
        f"Pulse's ledger: {len(used) + 1} refresh tokens given out, {len(used)} used, each exactly",
        "once. The last one lies in the vault, for the next time.",
    )


def _doubt(stage: Stage, witness: Witness, voice: Voice) -> None:
    voice.chapter("The power fails in the middle of a refresh")
    voice.say("Pulse is sent a refresh token, and has not looked at it yet.")
    again = succeeded(_cut_off(stage, witness, voice, Mood.DEAF), "the sync to go on by itself")
    tried = [each.reason for each in again.account if isinstance(each, RefreshIntended)]
    expect(tried == [RefreshReason.IN_DOUBT], "one more try with the token in doubt")
    voice.say(
        "Was it used up? Nobody here knew, so Pulse was asked, without using it (introspection).",
        "It was not, and the sync went on. Once more; but now Pulse does replace the token, and",
        "the new one is in the answer that is lost.",
    )
    again = failed(_cut_off(stage, witness, voice, Mood.MUTE), FailureClass.AUTH)
    expect(_why(again) == [NeedReason.USED_UP], "a person to be asked")
    presented = stage.ledger().presented
    expect(max(presented) == 1, "no refresh token to be used twice")
    voice.say(
        "Pulse was asked, and said that it is used up. So it was not sent again, which would have",
        f"looked like theft: of {len(presented)} refresh tokens, none was used twice. The baker",
        "consents anew:",
    )
    _authorised_again(stage, witness, voice)


def _revoked(stage: Stage, witness: Witness, voice: Voice) -> None:
    voice.chapter("Revoked, and authorised again")
    voice.say("The baker changes her mind: at Pulse, she takes back what she allowed.")
    before = witness.connection(PULSE)
    stage.revoke()
    sync = failed(witness.sync(PULSE), FailureClass.AUTH)
    expect(_why(sync) == [NeedReason.REFUSED], "Pulse to refuse the refresh")
    requests = stage.ledger().requests
    voice.say("Whoever wants a sync now is told what to do:")
    voice.commands(f"rounds sync {PULSE}")
    voice.say(f"rounds: {witness.refused(PULSE)}")
    witness.until(PULSE, sync.ended, SyncSkipped)
    during = witness.connection(PULSE)
    expect(during.state == "unauthorised", "the connection to wait")
    expect(stage.ledger().requests == requests, "nothing to be sent to Pulse")
    expect(in_force(during) == in_force(before), "the rows of before to stay")
    rows = in_force(during)["steps"]
    voice.say(
        f'The connection is "{during.state}". Pulse has seen {requests} requests, and none since',
        f"it said no. All {rows} rows stay. Some day she allows it again:",
    )
    steps = _authorised_again(stage, witness, voice).captured["steps"]
    expect(not (steps.changed or steps.removed), "every row to be as before")
    after = witness.connection(PULSE)
    voice.say(
        f"It goes on where it was: the same {rows} rows, and one history of {after.total}",
        f"syncs, {after.failed} of them failed.",
    )


def _authorised_again(stage: Stage, witness: Witness, voice: Voice) -> Sync:
    voice.commands(f"rounds connection authorize {PULSE}")
    authorised = witness.authorise(PULSE, stage.consent)
    with witness.hearing(ConnectionAuthorised, SyncSucceeded):
        return succeeded(witness.follow(PULSE, authorised - 1), "syncs to go on")


def _cut_off(stage: Stage, witness: Witness, voice: Voice, mood: Mood) -> Sync:
    """Kill roundsd while Pulse, in that mood, holds a refresh; what the next sync came to."""
    asked = stage.ledger().introspections
    stage.mood("pulse", mood)
    intended = witness.until(PULSE, witness.request(PULSE) - 1, RefreshIntended)
    expect(stage.holds(), "Pulse to hold the refresh")
    stage.kill()
    stage.mood("pulse", Mood.FINE)
    voice.say("Killed, while it waits for the answer, and started again:")
    stage.start()
    cut = witness.follow(PULSE, intended.seq)
    again = witness.follow(PULSE, cut.ended)
    account = [*cut.account, *again.account]
    doubts = [each.reason for each in account if isinstance(each, TokenInDoubt)]
    expect(doubts == [DoubtReason.DIED], "the refresh token to be in doubt")
    expect(stage.ledger().introspections == asked + 1, "Pulse to be asked about the token once")
    return again


def _owed(witness: Witness) -> list[date]:
    """The days that are still to be fetched."""
    return [day for each in witness.connection(PULSE).streams for day in each.failed_days]


def _why(sync: Sync) -> list[NeedReason]:
    return [each.reason for each in sync.account if isinstance(each, AuthorisationNeeded)]


CHAPTERS = (_consent, _rotation, _doubt, _revoked)
