"""The World's index of who is whose against a walk over all connections, after any life."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon import recall
from events import schema
from events.envelope import Recorded
from events.snapshots import Snapshots
from projections import connection, under
from projections import world as worlds
from projections.world import World
from tests.laws.test_snapshots import VERSION, on_disk, take
from tests.policy.transcript import NOON

CONNECTIONS, TENANTS, PROVIDERS = range(11, 17), (1, 2), (3, 4, 5)

steps = st.lists(
    st.tuples(
        st.sampled_from(CONNECTIONS),
        st.sampled_from(TENANTS),
        st.sampled_from(PROVIDERS),
        st.sampled_from(["add", "remove", "relink", "pause"]),
    ),
    max_size=60,
)


def lived(moves):
    """What these moves may come to: who is not there is added, who is there is not added again."""
    world, written = World(), []

    def happen(subject, event):
        written.append(Recorded(seq=len(written) + 1, at=NOON, subject=subject, event=event))
        worlds.fold(world, written[-1])

    for provider in PROVIDERS:
        happen(provider, schema.ProviderDeclared(name=f"p{provider}", digest="d", streams=()))
    for subject, tenant, provider, move in moves:
        known = world.connections.get(subject)
        if known is None or known.removed:
            owner = known.tenant if known else tenant
            at = known.provider if known else provider
            happen(subject, schema.ConnectionAdded(tenant=owner, provider=at))
        elif move == "remove":
            happen(subject, schema.ConnectionRemoved())
        elif move == "relink" and provider != known.provider:
            happen(subject, schema.ConnectionRelinked(provider=provider, before=known.provider))
        elif move == "pause":
            happen(subject, schema.ConnectionPaused())
    return written, world


def walked(world):
    """The same, naively."""
    found = {}
    for subject, known in world.connections.items():
        for above in () if known.removed else (known.tenant, known.provider):
            found.setdefault(above, []).append(subject)
    return {above: sorted(subjects) for above, subjects in found.items()}


@given(steps)
@settings(max_examples=200)
def test_the_index_is_what_a_walk_over_all_connections_finds(moves):
    _, world = lived(moves)
    assert world.under == walked(world)
    for above in (*TENANTS, *PROVIDERS):
        assert [*under.connections(world.under, above)] == walked(world).get(above, [])
    for tenant, known in world.tenants.items():
        assert known.connections == len(under.connections(world.under, tenant))
        gone = {at for at, of in world.connections.items() if of.removed and of.tenant == tenant}
        assert (len(known.removed), {*known.removed}) == (len(gone), gone)


@pytest.mark.requirement("X1")
@given(steps, st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_the_index_is_the_same_from_a_snapshot_and_what_came_after_it(moves, dice):
    written, world = lived(moves)
    log, snapshots = on_disk(written, dice), Snapshots(None, VERSION)
    seq = dice.randint(1, len(written))
    before = World()
    for each in written[:seq]:
        worlds.fold(before, each)
    take(snapshots, log, before)
    again = recall.all_at_once(recall.state(log, snapshots, len(written)))
    assert again.under == walked(again) == world.under


@given(st.lists(st.tuples(st.sampled_from(CONNECTIONS), st.booleans())))
@settings(max_examples=20)
def test_who_joins_or_leaves_twice_does_so_once(moves):
    index, there = {}, set()
    for subject, joins in moves:
        known = connection.Connection(tenant=1, provider=3)
        for _ in range(2):
            if joins:
                under.join(index, subject, known)
            else:
                under.leave(index, subject, 1, 3)
        (there.add if joins else there.discard)(subject)
        assert index == ({1: sorted(there), 3: sorted(there)} if there else {})
