"""What can be wished of versions, and in which order they come: back, taken over, let go?"""

from datetime import date, timedelta

from hypothesis import strategies as st
from msgspec.structs import replace

from daemon import commands
from daemon.commands import Evidence
from events import schema, terms, versions

COUNTS = ("fetched", "added", "changed", "removed", "unchanged", "duplicates", "rows", "pages")
DAY = date(2026, 5, 3)
NOW_IN_FORCE = -1
AIMED = (
    commands.BeginRollback,
    commands.FinishRollback,
    commands.AbandonRestore,
    commands.CaptureHeld,
    commands.AcceptHeld,
    commands.DropHeld,
)

doubts = st.sampled_from([Evidence(), Evidence(), Evidence(fields=1), Evidence(declared=9)])
"""What is seen of an answer: nothing, a broken schema (held), or that it is not whole (refused)."""


def wishes(subjects, streams, numbers, epoch):
    """Of these connections and streams; `numbers` say which event a late one speaks of."""
    counts = st.integers(0, 3)
    offered = st.builds(
        schema.RecordsCaptured,
        version=numbers,
        stream=streams,
        digest=st.just("11"),
        **dict.fromkeys(COUNTS, counts),
    )
    back = st.builds(
        versions.StreamRestored,
        stream=streams,
        of=st.just(0),
        rows=counts,
        digest=st.sampled_from(["00", "11"]),
        newest_day=st.sampled_from([None, DAY]),
        failed_days=st.sampled_from([(), (DAY,)]),
    )
    scopes = st.sampled_from(terms.RollbackScope)
    old = [
        commands.KeptVersion(version=number, at=epoch - timedelta(days=400))
        for number in range(1, 9)
    ]
    return st.one_of(
        st.builds(
            commands.BeginRollback,
            subject=subjects,
            to=st.integers(1, 9),
            scope=scopes,
            versions=st.dictionaries(streams, st.sampled_from([0, NOW_IN_FORCE])),
        ),
        *2
        * [
            st.builds(
                commands.FinishRollback,
                subject=subjects,
                started=numbers,
                to=st.integers(1, 9),
                scope=scopes,
                streams=st.lists(back, max_size=2, unique_by=lambda each: each.stream).map(tuple),
                jitter=st.sampled_from([0.0, 0.9]),
            )
        ],
        st.builds(
            commands.AbandonRestore,
            subject=subjects,
            started=numbers,
            reason=st.sampled_from(terms.RestoreEnd),
        ),
        *2 * [st.builds(commands.AcceptHeld, subject=subjects, stream=streams)],
        *2
        * [st.builds(commands.CaptureHeld, subject=subjects, quarantined=numbers, offered=offered)],
        st.builds(commands.DropHeld, subject=subjects, stream=streams),
        st.builds(
            commands.PruneVersions,
            subject=subjects,
            stream=streams,
            oldest=st.integers(2, 8).map(lambda count: tuple(old[:count])),
            newer=st.just(99),
        ),
    )


def stories(subjects, streams):
    """Wishes that follow each other, which chance alone would hardly put in this order."""
    counts = st.integers(0, 3)

    def held(subject, stream, records):
        """A sync's answer is held, and taken over."""
        number = dict.fromkeys(COUNTS, records)
        offered = schema.RecordsCaptured(stream=stream, version=0, digest="22", **number)
        finished = commands.Finish(
            subject=subject, sync=0, duration_ms=1, captured=(), records=0, failures=(), calls=()
        )
        doubted = commands.Capture(subject=subject, offered=offered, evidence=Evidence(fields=1))
        taken = commands.CaptureHeld(subject=subject, quarantined=0, offered=offered)
        asked = commands.AcceptHeld(subject=subject, stream=stream)
        begun = commands.Request(subject=subject, forced=True), commands.Start(subject=subject)
        return [*begun, doubted, finished, asked, taken]

    def gone_back(subject, stream, scope):
        begun = commands.BeginRollback(
            subject=subject, to=1, scope=scope, versions={stream: NOW_IN_FORCE}
        )
        back = versions.StreamRestored(stream=stream, of=0, rows=0, digest="00", newest_day=DAY)
        ended = commands.FinishRollback(
            subject=subject, started=0, to=1, scope=scope, streams=(back,)
        )
        return [begun, ended]

    return st.one_of(
        st.builds(held, subjects, streams, counts),
        st.builds(gone_back, subjects, streams, st.sampled_from(terms.RollbackScope)),
    )


def aimed(command, world):
    """Let a wish speak of what is under way, held or in force there, or of what is beside it."""
    known = world.connections.get(command.subject)
    if known is None:
        return command
    begun = known.restoring or world.seq
    held = [(name, each.held) for name, each in known.streams.items() if each.held]
    match command:
        case commands.BeginRollback():
            found = {
                name: known.streams[name].version
                for name, version in command.versions.items()
                if version == NOW_IN_FORCE and name in known.streams
            }
            return replace(command, versions={**dict.fromkeys(command.versions, 0), **found})
        case commands.FinishRollback(scope=terms.RollbackScope.STATE):
            return replace(command, started=begun + command.started, streams=(), was=known)
        case commands.FinishRollback() | commands.AbandonRestore():
            return replace(command, started=begun + command.started)
        case commands.AcceptHeld() | commands.DropHeld() if held:
            return replace(command, stream=held[0][0])
        case commands.CaptureHeld(offered=offered) if held:
            version = replace(offered, stream=held[0][0], version=begun + offered.version)
            number = held[0][1].version + command.quarantined
            return replace(command, quarantined=number, offered=version)
        case _:
            return command
