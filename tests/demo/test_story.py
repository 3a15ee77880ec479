"""Does the story notice when something else happens than what it is about?"""

import sqlite3
import tempfile
from contextlib import closing
from datetime import date
from pathlib import Path
from urllib.parse import urlencode

import pytest

from daemon.demo import evidence, story
from daemon.demo import stage as stages
from daemon.demo.opening import CLIENT_ID, Ledger, Mood
from daemon.demo.stage import Stage, StageBroken
from daemon.demo.voice import Voice
from daemon.demo.witness import Unexpected


class StuckMood(Stage):
    """Its providers stay as they are, whatever is said to them."""

    def mood(self, provider: str, mood: Mood) -> None:
        pass


class NoBusiness(Stage):
    """At its depot nothing ever changes."""

    def business(self, whose: str) -> None:
        pass


class OutageForEver(Stage):
    """What goes wrong here stays wrong."""

    def mood(self, provider: str, mood: Mood) -> None:
        if mood is not Mood.FINE:
            super().mood(provider, mood)


class OneProgram(Stage):
    """Its stock goes on to write the report as ever."""

    def business(self, whose: str) -> None:
        if whose != "stock":
            super().business(whose)


class GoodDays(Stage):
    """Its Pulse has an answer for every day."""

    def stumble(self, day: date) -> None:
        pass


class Thief(Stage):
    """Somebody shows Pulse a refresh token that was used long ago."""

    def ledger(self) -> Ledger:
        oldest, *later = self.handed_out().refresh_tokens
        form = {"grant_type": "refresh_token", "refresh_token": oldest, "client_id": CLIENT_ID}
        if len(later) > 5:
            secret = {"client_secret": self.opening.client_secret}
            stages._ask("POST", f"{self.opening.url}/pulse/token", urlencode({**form, **secret}))
        return super().ledger()


class LastingConsent(Stage):
    """Nobody changes her mind here."""

    def revoke(self) -> None:
        pass


class OpenToken(Stage):
    """Somebody wrote a token down, in hexadecimal."""

    def kill(self) -> None:
        tokens = " ".join(self.handed_out().refresh_tokens)
        (self.directory / "note").write_text(tokens.encode().hex())
        super().kill()


class OpenSecret(Stage):
    """Somebody wrote a key down."""

    def kill(self) -> None:
        (self.directory / "note").write_text(f"the key is {self.opening.keys['bakery']}!")
        super().kill()


class LostPart(Stage):
    """The power failure takes a row with it."""

    def kill(self) -> None:
        super().kill()
        _alter(self.state / "data", "DELETE FROM record WHERE body LIKE '%huge belt%'")


class ForgedLog(Stage):
    """While roundsd is down, somebody makes a failure look better than it was."""

    def kill(self) -> None:
        super().kill()
        _alter(self.state / "log", "UPDATE event SET body = replace(body, '503', '200')")


@pytest.mark.parametrize(
    ("stage", "raised", "missed"),
    [
        (StuckMood, Unexpected, "expected a sync to fail as `server`"),
        (NoBusiness, Unexpected, "expected one difference of each kind to be found"),
        (OutageForEver, Unexpected, "expected the next sync to succeed"),
        (OpenSecret, Unexpected, "expected the bakery's key to be in no file .it is in note"),
        (OneProgram, Unexpected, "expected a report with a byte order mark"),
        (GoodDays, Unexpected, "expected .* to be owed, and no other day"),
        (Thief, Unexpected, "expected each refresh token but the last to be used once"),
        (LastingConsent, Unexpected, "expected a sync to fail as `auth`"),
        (OpenToken, Unexpected, "expected a refresh token to be in no file .it is in note"),
        (LostPart, Unexpected, "expected no part to have been lost or half written"),
        (ForgedLog, StageBroken, "(?s)roundsd ended; it last said:.*the log .* is damaged"),
    ],
)
def test_what_does_not_happen_is_not_told(stage, raised, missed):
    played = stage(Path(tempfile.mkdtemp(prefix="d", dir="/tmp")))
    try:
        played.open()
        with pytest.raises(raised, match=missed):
            story.tell(played, Voice(unhurried=False))
    finally:
        played.close()


def test_a_search_looks_into_every_file_in_both_spellings(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "plain").write_bytes(b"\x00\xffkey-1\xfe")
    (tmp_path / "hexadecimal").write_text(b"key-1".hex())
    (tmp_path / "other").write_text("key-2")
    search = evidence.search(tmp_path, "key-1")
    assert search.files == 3
    assert search.found == ["plain", "hexadecimal"]
    assert evidence.search(tmp_path, "key-3", "key-2").found == ["other"]


def _alter(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as file, file:
        assert file.execute(statement).rowcount > 0
