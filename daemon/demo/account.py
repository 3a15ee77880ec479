"""What is told of somebody's account: consent, tokens good once, a refresh cut off, a change of mind?"""

from datetime import timedelta

from daemon.cli import times
from daemon.demo.claims import expect, failed, in_force, succeeded
from daemon.demo.grants import ACCESS_S
from daemon.demo.opening import CLIENT_ID, Mood
from daemon.demo.stage import Stage
from daemon.demo.voice import Voice
from daemon.demo.witness import Sync, Witness
from events.schema import (
    AuthorisationNeeded,
    RefreshIntended,
    SyncSkipped,
    SyncSucceeded,
    TokenInDoubt,
)
from events.terms import DoubtReason, FailureClass, NeedReason, RefreshReason

PULSE = "bakery/pulse"
SINCE = timedelta(days=3)  # how long ago the day was that fails once
SYNCS = 5  # that are not shown


def _consent(stage: Stage, witness: Witness, voice: Voice) -> None:
    voice.chapter("Somebody's account: a person consents")
    voice.say(
        "`pulse`, a health tracker, gives no keys away. The baker has to allow, in a browser, that",
        "rounds may read how many steps she takes. One would type:",
    )
    voice.commands(
        "rounds provider client pulse",
        f"rounds connection add {PULSE}",
        f"rounds connection authorize {PULSE}",
    )
    voice.say("The demo does the same, and is the browser. Pulse will fail once, for one day.")
    day = (witness.status().now - SINCE).date()
    stage.stumble(day)
    witness.introduce("pulse", CLIENT_ID, stage.opening.client_secret)
    added = witness.add(PULSE)
    witness.until(PULSE, added - 1, AuthorisationNeeded)
    authorised = witness.authorise(PULSE, stage.consent)
    first = succeeded(witness.follow(PULSE, authorised - 1), "the first days to be fetched")
    steps = first.captured["steps"]
    expect(_owed(witness) == [day], f"{day} to be owed, and no other day")
    voice.say(
        f"{len(steps.days)} days are in. The one that failed is named, and fetched again with the",
        "next sync; or by itself, at once:",
    )
    voice.commands(f"rounds sync {PULSE} --failed-days")
    before = len(stage.ledger().days)
    succeeded(witness.sync(PULSE, failed_days=True), "the day that failed to be fetched")
    asked = stage.ledger().days[before:]
    expect(asked == [day.isoformat()], f"Pulse to be asked for {day} and nothing else")
    expect(not _owed(witness), "no day to be owed any more")
    voice.say(f"Pulse notes that it was asked for {asked[0]}, and for no other day.")


def _rotation(stage: Stage, witness: Witness, voice: Voice) -> None:
    voice.chapter("Tokens that are good once")
    lasts = times.exact(timedelta(seconds=ACCESS_S))
    voice.say(
        f"Pulse's access tokens are good for {lasts}, and each refresh replaces the refresh token",
        "too. One that is shown twice counts as stolen, and voids the consent. Syncs more,",
        f"{SYNCS} of them, not shown:",
    )
    with witness.unheard():
        for _ in range(SYNCS):
            succeeded(witness.sync(PULSE, days=1), "every sync to succeed")
    *used, last = stage.ledger().presented
    expect(set(used) == {1} and not last, "each refresh token but the last to be used once")
    grant = witness.connection(PULSE).grant
    expect(grant is not None and grant.refreshes == len(used), "the log to know of each refresh")
    voice.say(
        f"Pulse's ledger: {len(used) + 1} refresh tokens given out, {len(used)} used, each exactly",
        "once. The last one lies in the vault.",
    )


def _doubt(stage: Stage, witness: Witness, voice: Voice) -> None:
    voice.chapter("The power fails in the middle of a refresh")
    voice.say("Pulse is sent a refresh token, and does not get round to it.")
    again = _cut_off(stage, witness, voice, Mood.DEAF)
    succeeded(again, "the sync to go on by itself")
    tried = [each for each in again.account if isinstance(each, RefreshIntended)]
    expect([each.reason for each in tried] == [RefreshReason.IN_DOUBT], "one more try")
    voice.say(
        "Whether the token was used up, rounds could not know; Pulse can be asked (introspection)",
        "without using it. It was not, so rounds went on. Once more; but this time Pulse does its",
        "part, and the new tokens are in the answer that is lost.",
    )
    again = _cut_off(stage, witness, voice, Mood.MUTE)
    failed(again, FailureClass.AUTH)
    expect(_why(again) == [NeedReason.IN_DOUBT], "a person to be asked")
    presented = stage.ledger().presented
    expect(max(presented) == 1, "no refresh token to be shown to Pulse twice")
    voice.say(
        "Pulse said that it is used up, so rounds did not show it again: that would have looked",
        f"like theft. Still no token was used twice, of {len(presented)}. The baker consents anew:",
    )
    voice.commands(f"rounds connection authorize {PULSE}")
    authorised = witness.authorise(PULSE, stage.consent)
    succeeded(witness.follow(PULSE, authorised - 1), "syncs to go on")


def _revoked(stage: Stage, witness: Witness, voice: Voice) -> None:
    voice.chapter("Revoked, and authorised again")
    voice.say("The baker changes her mind. At Pulse, she takes back what she allowed.")
    before = witness.connection(PULSE)
    stage.revoke()
    sync = failed(witness.sync(PULSE), FailureClass.AUTH)
    expect(_why(sync) == [NeedReason.REFUSED], "Pulse to refuse the refresh")
    state = witness.connection(PULSE).state
    expect(state == "unauthorised", "the connection to wait")
    requests = stage.ledger().requests
    voice.say("Whoever wants a sync now is told what to do:")
    answer = witness.refused(PULSE)
    voice.commands(f"rounds sync {PULSE}")
    voice.say(f"{answer}")
    witness.until(PULSE, sync.ended, SyncSkipped)
    expect(stage.ledger().requests == requests, "nothing to be sent to Pulse")
    during = witness.connection(PULSE)
    rows = in_force(during)["steps"]
    expect(in_force(during) == in_force(before), "the rows of before to stay")
    voice.say(
        f'The connection is "{state}". Pulse has seen {requests} requests in all, and none since.',
        f"The {rows} rows stay. Some day she allows it again:",
    )
    voice.commands(f"rounds connection authorize {PULSE}")
    authorised = witness.authorise(PULSE, stage.consent)
    steps = succeeded(witness.follow(PULSE, authorised - 1), "syncs to go on").captured["steps"]
    expect(steps.unchanged == steps.rows == rows, "every row to be as before")
    after = witness.connection(PULSE)
    voice.say(
        f"It goes on where it was: {steps.rows} rows as before, and a history of {after.total}",
        f"syncs, of which {after.failed} failed.",
    )


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
    doubts = [each.reason for each in cut.account if isinstance(each, TokenInDoubt)]
    expect(doubts == [DoubtReason.DIED], "the refresh token to be in doubt")
    again = witness.follow(PULSE, cut.ended)
    expect(stage.ledger().introspections == asked + 1, "Pulse to be asked about the token once")
    return again


def _owed(witness: Witness) -> list[object]:
    """The days that are still to be fetched."""
    return [day for each in witness.connection(PULSE).streams for day in each.failed_days]


def _why(sync: Sync) -> list[NeedReason]:
    return [each.reason for each in sync.account if isinstance(each, AuthorisationNeeded)]


CHAPTERS = (_consent, _rotation, _doubt, _revoked)
