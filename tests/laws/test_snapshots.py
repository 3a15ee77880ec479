"""A snapshot changes nothing but time: for any past, snapshot and tail are what all of it is."""

import os
import random
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon import recall, replaying
from daemon.recall import Question
from events import chain, moment, schema
from events.codec import encode
from events.envelope import Recorded
from events.snapshots import Snapshots, Stamp
from projections import image
from projections import world as worlds
from projections.world import World
from tests.benchmarks.history import history
from tests.fakes.memory_log import Disk, MemoryLog
from tests.laws.test_journal import live, lives
from tests.policy.transcript import NOON

VERSION = "this one"
dice = st.randoms(use_true_random=False)


def on_disk(written, cut):
    """A log of these events, in blocks that end where the dice say."""
    disk, block = Disk(), chain.GENESIS
    rest = [encode(each) for each in written]
    while rest:
        size = cut.randint(1, 7)
        batch, rest = rest[:size], rest[size:]
        block = chain.link(block, batch)
        disk.write(batch, block)
    return MemoryLog(disk, None, random.Random(0))


def folded(written, upto=None):
    world = World()
    for each in written[:upto]:
        worlds.fold(world, each)
    return world


def take(snapshots, log, world, version=VERSION):
    draft = snapshots.begin(world.seq)
    for piece in image.pieces(world):
        draft.add(piece)
    block = log.block_of(world.seq).hex()
    draft.finish(Stamp(version=version, seq=world.seq, at=world.at, block=block))


def taken(log, written, at):
    snapshots = Snapshots(None, VERSION)
    for seq in at:
        take(snapshots, log, folded(written, seq))
    return snapshots


def begun(log, snapshots):
    """The world of a start, and the event of the snapshot that it began with."""
    again = MemoryLog(log.disk, None, random.Random(0))
    world, since = replaying.begin(again, snapshots)
    assert again.block == log.disk.blocks[-1][1], "the next block is chained to the last one"
    return world, since


@pytest.mark.requirement("F5")
@pytest.mark.requirement("X1")
@given(lives, dice)
@settings(max_examples=60)
def test_snapshot_and_tail_are_the_whole_log_at_any_event(life, cut):
    written, world = live(life)
    log = on_disk(written, cut)
    snapshots = taken(log, written, {cut.randint(1, len(written)) for _ in range(3)})
    assert begun(log, snapshots) == (world, max(snapshots.numbers()))
    for seq in {1, len(written), *(cut.randint(1, len(written)) for _ in range(5))}:
        state = recall.all_at_once(recall.state(log, snapshots, seq))
        assert state == folded(written, seq)
        assert [*state.connections] == [*folded(written, seq).connections]


@pytest.mark.requirement("X1")
@given(lives, dice)
@settings(max_examples=60)
def test_one_connection_at_any_event_is_its_slice_of_all(life, cut):
    written, _ = live(life)
    log = on_disk(written, cut)
    snapshots = taken(log, written, {cut.randint(1, len(written)) for _ in range(2)})
    seq = cut.randint(1, len(written))
    whole = folded(written, seq)
    for subject in {
        each.subject for each in written if each.subject in folded(written).connections
    }:
        alone = recall.all_at_once(recall.state(log, snapshots, seq, subject))
        assert (alone.seq, alone.at) == (whole.seq, whole.at)
        assert alone.connections.get(subject) == whole.connections.get(subject)
        assert alone.scopes.get(subject) == whole.scopes.get(subject)
        assert alone.outboxes.get(subject) == whole.outboxes.get(subject)


@pytest.mark.requirement("F5")
@given(lives, dice)
@settings(max_examples=30)
def test_deleting_snapshots_changes_nothing(life, cut):
    written, world = live(life)
    log = on_disk(written, cut)
    snapshots = taken(log, written, {cut.randint(1, len(written)) for _ in range(4)})
    seq = cut.randint(1, len(written))
    before = recall.all_at_once(recall.state(log, snapshots, seq))
    snapshots.drop([each for each in snapshots.numbers() if cut.random() < 0.7])
    assert recall.all_at_once(recall.state(log, snapshots, seq)) == before
    assert begun(log, snapshots)[0] == world


def a_past():
    """One past for those who ask what becomes of its snapshot."""
    return history(6, 300)


@given(st.data())
@settings(max_examples=150)
def test_a_damaged_or_short_snapshot_is_never_believed(data):
    """Whatever byte is another one, wherever it ends: it is ignored, or what it gives is right."""
    written = a_past()
    log = on_disk(written, random.Random(1))
    with tempfile.TemporaryDirectory() as name:
        snapshots = Snapshots(Path(name), VERSION)
        take(snapshots, log, folded(written, 100))
        take(snapshots, log, folded(written, 200))
        (last,) = Path(name).glob("*200")
        whole = last.read_bytes()
        place = data.draw(st.integers(0, len(whole) - 1))
        short = data.draw(st.booleans())
        other = data.draw(st.integers(1, 255))
        changed = bytes([whole[place] ^ other])
        last.write_bytes(whole[:place] + (b"" if short else changed + whole[place + 1 :]))
        told = []
        steps = recall.nearest(snapshots, log.block_of, ignored=lambda *why: told.append(why))
        world = recall.all_at_once(steps)
        assert world == folded(written, 100)
        assert [seq for seq, _ in told] == [200]
        assert begun(log, snapshots) == (folded(written), 100)


def test_what_another_version_made_is_ignored():
    written = a_past()
    log = on_disk(written, random.Random(1))
    snapshots = taken(log, written, [100])
    take(snapshots, log, folded(written, 200), version="an older one")
    told = []
    steps = recall.nearest(snapshots, log.block_of, ignored=lambda *why: told.append(why))
    assert recall.all_at_once(steps) == folded(written, 100)
    assert told == [(200, recall.OTHER_VERSION)]


def test_a_rewritten_log_is_noticed_and_read_whole():
    """Its chain is sound: somebody made it anew. The snapshot's block is not in it."""
    written = a_past()
    snapshots = taken(on_disk(written, random.Random(1)), written, [200])
    rewritten = [
        Recorded(
            seq=each.seq,
            at=each.at + timedelta(seconds=each.seq == 50),
            subject=each.subject,
            event=each.event,
        )
        for each in written
    ]
    log = on_disk(rewritten, random.Random(1))
    assert begun(log, snapshots) == (folded(rewritten), 0)


def test_a_snapshot_beyond_the_log_is_ignored():
    """A log that comes from a backup ends before it, and then goes on otherwise."""
    written = a_past()
    snapshots = taken(on_disk(written, random.Random(1)), written, [100, 200])
    log = on_disk(written[:150], random.Random(1))
    assert begun(log, snapshots) == (folded(written, 150), 100)


def test_what_a_death_left_half_written_is_cleared_away(tmp_path):
    written = a_past()
    log = on_disk(written, random.Random(1))
    directory = tmp_path / "snapshots"
    snapshots = Snapshots(directory, VERSION)
    take(snapshots, log, folded(written, 100))
    snapshots.begin(200).add(next(image.pieces(folded(written, 200))))
    assert len(list(directory.iterdir())) == 2
    assert begun(log, snapshots) == (folded(written), 100)
    assert [each.name for each in directory.iterdir()] == [f"{100:020}"]
    assert {each.stat().st_mode & 0o777 for each in directory.iterdir()} == {0o600}
    assert directory.stat().st_mode & 0o777 == 0o700


def test_memory_and_files_keep_the_same(tmp_path):
    written = a_past()
    log = on_disk(written, random.Random(1))
    kinds = [Snapshots(None, VERSION), Snapshots(tmp_path / "snapshots", VERSION)]
    for each in kinds:
        assert each.numbers() == []
        take(each, log, folded(written, 100))
        take(each, log, folded(written, 200))
    memory, files = kinds
    assert memory.numbers() == files.numbers() == [200, 100]
    assert memory.numbers(150) == files.numbers(150) == [100]
    assert memory.size(100) == files.size(100)
    assert [*memory.open(100).pieces()] == [*files.open(100).pieces()]
    for each in kinds:
        each.drop([100, 100])
        assert each.numbers() == [200]
        with pytest.raises(FileNotFoundError):
            each.open(100)
        with pytest.raises(FileNotFoundError):
            each.size(100)


def test_what_lies_in_the_place_of_a_snapshot_and_cannot_be_one_is_none(tmp_path):
    (tmp_path / f"{7:020}").mkdir()
    (tmp_path / "notes").write_text("mine")
    os.mkfifo(tmp_path / f"{8:020}")
    (tmp_path / ("9" * 20)).write_bytes(b"no event has such a number")
    snapshots = Snapshots(tmp_path, VERSION)
    assert snapshots.numbers() == []


# -- which event a time stands for ----------------------------------------------------------------

steps = st.lists(
    st.tuples(st.integers(0, 600), st.sampled_from([0] * 9 + [-3600, 7200])), max_size=40
)


def with_steps(moves):
    """A log of a daemon whose clock goes on, and is set back and forth, which it notices."""
    at, written = NOON, []
    for seconds, step in [(0, 0), *moves]:
        at += timedelta(seconds=seconds + step)
        began = schema.DaemonStarted(version="1")
        event = (
            schema.ClockStepped(step=timedelta(seconds=step)) if step else schema.DaemonStopped()
        )
        written.append(
            Recorded(
                seq=len(written) + 1, at=at, subject=schema.FLEET, event=event if written else began
            )
        )
    return written


@pytest.mark.requirement("X1")
@given(steps, st.integers(-7200, 20_000))
def test_a_time_stands_for_the_last_event_that_was_recorded_by_then(moves, seconds):
    written = with_steps(moves)
    log = on_disk(written, random.Random(1))
    time = NOON + timedelta(seconds=seconds)
    asked = Question(head=len(written), at=time)
    by_then = [each.seq for each in written if each.at <= time]
    assert recall.resolved(log, asked) == max(by_then, default=0)


def test_what_came_after_the_head_has_not_happened():
    written = with_steps([(60, 0), (60, -3600), (60, 0)])
    log = on_disk(written, random.Random(1))
    assert moment.last_by(log, 2, NOON + timedelta(hours=5)) == 2


def test_an_event_that_is_not_there_is_said_to_be_missing():
    log = on_disk(a_past(), random.Random(1))
    for connection in (None, 2):
        with pytest.raises(recall.Unknown):
            recall.all_at_once(recall.state(log, Snapshots(None, VERSION), 301, connection))
