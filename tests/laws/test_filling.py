"""A read model that is filled at once is what following the log, and forgetting, leaves."""

import random
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from daemon.own_process import ROOT
from daemon.read_model import failures, filling, keeping
from daemon.read_model.file import Position, ReadModel
from daemon.read_model.timestamps import iso
from events import fingerprint, schema
from events.reading import Reader
from events.schema import FLEET
from tests.benchmarks import long_log, past
from tests.laws.test_read_model import in_portions, rows, with_consents

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def eventful(events, days, seed):
    """In it clocks step, syncs never end, connections move, and tenants change their minds."""
    cut, end = random.Random(seed), BEGIN + timedelta(days=days)
    step, found = timedelta(0), []
    for each in past.recorded(past.anonymous(events, BEGIN, end, tenants=2, seed=seed)):
        if cut.random() < 0.003:
            step = timedelta(hours=cut.choice([0, 0, -30, -2, 5, 40]))
        event = each.event
        if isinstance(event, schema.SyncScheduled) and cut.random() < 0.02:
            event = schema.ConnectionRelinked(provider=cut.choice([1, 2]), before=1)
        if isinstance(event, schema.SyncSucceeded) and cut.random() < 0.01:
            event = schema.DaemonStopped()
        subject = each.subject
        if isinstance(event, schema.SyncScheduled) and cut.random() < 0.02:
            subject, event = cut.choice([FLEET, 1, 2]), passed(each.at)
        found.append(replace(each, at=each.at + step, subject=subject, event=event))
    return with_consents(found, seed) if seed % 2 else found


def passed(at):
    """What a pass came to."""
    return schema.PassEnded(begun=at, duration_ms=900, total=2, successful=2, failed=0)


def filled(path, written):
    """As two processes fill it, of a log in that directory."""
    long_log.write(path, written)
    drafts = [ReadModel(path / str(place), "one", draft=True) for place in range(2)]
    with closing(Reader(path / "log")) as reader:
        kept, at = filling.kept(reader, len(written))
        assert 1 < kept.happened < len(written), "some is older than is kept"
        for place, draft in enumerate(drafts):
            shared = filling.batches(reader, len(written), (place, 2), kept.happened)
            filling.fill(draft, shared, kept, lambda _: None)
            for table, key in (("occurrence", "seq"), ("failure", "seq"), ("pass", "id")):
                (first,) = draft.connection.execute(f"SELECT min({key}) FROM {table}").fetchone()
                assert first is None or first >= kept.happened, f"a {table} is written in vain"
    drafts[1].close()
    drafts[0].take_in(path / "1")
    drafts[0].finish(Position(seq=len(written), at=at))
    return ReadModel(path / "0", "one")


@pytest.mark.parametrize("seed", [11, 13, 14])
@pytest.mark.requirement("B8")
def test_filled_at_once_it_is_what_following_leaves(tmp_path, seed):
    """Although most of what happened, and most hours, are never written there."""
    written = eventful(17_000, 150, seed)
    found = filled(tmp_path, written)
    followed = in_portions(written, random.Random(seed), 500)
    assert rows(found) == rows(followed)
    assert found.position() == followed.position()
    _has_recent_retries_alone(found, written, max(each.at for each in written))
    _has_recent_passes_alone(found, written)
    found.close()


def _has_recent_passes_alone(model, written):
    """They stay as long as what happened in them."""
    (oldest,) = model.connection.execute("SELECT min(seq) FROM occurrence").fetchone()
    found = [seq for (seq,) in model.connection.execute("SELECT id FROM pass ORDER BY id")]
    passes = [each.seq for each in written if isinstance(each.event, schema.PassEnded)]
    assert found == [each for each in passes if each >= oldest]
    assert 0 < len(found) < len(passes)


def test_other_code_or_other_sentences_are_another_version(tmp_path):
    """So that a file with what they came to before is made anew."""
    package, sentences = tmp_path / "rows", tmp_path / "sentences.py"
    package.mkdir()
    found = []
    for place in (package / "facts.py", sentences, package / "facts.py", sentences):
        place.write_text(f"{len(found)}")
        found.append(sentences.exists() and fingerprint.of_sources([package, sentences]))
    assert len(set(found)) == 4
    assert all((ROOT / each).exists() for each in filling.SOURCES)
    assert "daemon/failures.py" in filling.SOURCES


def _has_recent_retries_alone(model, written, at):
    """One by one, of those that have ended; in what they cost all of three months are counted."""
    oldest = iso(at - keeping.RETRIES_KEPT)
    found = model.connection.execute("SELECT ended FROM retry WHERE ended IS NOT NULL").fetchall()
    assert all(ended >= oldest for (ended,) in found)
    scheduled = [each for each in written if isinstance(each.event, schema.RetryScheduled)]
    since = keeping.happened_from(at)
    lately = {each.seq for each in scheduled if each.at >= since}
    assert len(lately) > len(found), "the log has more of them"
    costs = [
        failures.read(failures.Asked(tenant=tenant, connection=None, since=since), model.connection)
        for (tenant,) in model.connection.execute("SELECT DISTINCT tenant FROM member")
    ]
    counted = [each for _, whole in costs for each in whole]
    assert sum(each.retries for each in counted) == len(lately)
    assert sum(each.saved for each in counted) > 0
