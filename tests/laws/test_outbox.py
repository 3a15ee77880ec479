"""Wherever it dies: what was acknowledged is delivered once, or a person is asked, never twice."""

import random

import pytest
import trio

from daemon import commands
from daemon.app import running
from daemon.cache.cache import Cache
from daemon.cache.shelf import Shelf
from daemon.clock import TrioClock
from daemon.configuration import Configuration, Declared, Settings, SyncSettings
from daemon.exchange import CallLost
from daemon.gateway.outbox import Queued
from daemon.journal import LogBroken
from daemon.parts import Parts
from daemon.provider import Provider
from daemon.store.core import Store
from events.codec import decode
from events.outbox import WriteBegun, WriteEnded, WriteQueued
from projections.outbox import Phase
from tests.conversations.haste import Prompt
from tests.fakes.in_process import EPOCH, NAME
from tests.fakes.ledger import BY, Ledger, declared, entry
from tests.fakes.memory_log import Disk, MemoryLog
from tests.simulation.host import Freezer, MortalVault, simulated

TEXTS = ("a", "b", "c")
HOUR_S = 3600
STEPS_MAX = 4000  # of the loop; far beyond what a life here takes


class Tardy(Prompt):
    """Dice for a log whose every commit takes longer than an exchange."""

    def random(self):
        return 0.0

    def uniform(self, a, b):
        return b


class Killer(trio.abc.Instrument):
    """Kills before the loop's step of that number; `died` where it came to that."""

    def __init__(self, number, kill):
        self.left = number
        self.kill = kill
        self.died = False

    def before_task_step(self, task):
        self.left -= 1
        if not self.left:
            self.died = True
            self.kill()


class Mortal:
    """One connection to a ledger; its lives share disk, store and vault."""

    def __init__(self, *, keyed, dice):
        self.file = declared(keyed=keyed)
        self.dice = dice
        self.chance = random.Random(1).random
        self.ledger = Ledger()
        self.clock = TrioClock(EPOCH)
        self.disk = Disk()
        self.store = Store(None)
        self.vault = MortalVault(self.disk)
        self.promised = {}
        self.answered = set()

    @property
    def subject(self):
        return self.vault.subject("connection", NAME)

    def outbox(self, daemon):
        return daemon.journal.world.outboxes.get(self.subject, ())

    def rows(self):
        return self.store._connection.execute("SELECT count(*) FROM outbox").fetchone()[0]

    async def life(self, script, dies_at):
        """Live by the script, or die at that step of it. True where it died."""
        freezer = Freezer(self.dice, slow=0.5)
        self.ledger.dead = self.vault.frozen = lambda: freezer.frozen
        killer = Killer(dies_at, lambda: None)
        try:
            async with trio.open_nursery() as nursery:
                log = MemoryLog(self.disk, nursery, self.dice)
                async with running(self._parts(log, freezer)) as daemon:

                    def kill():
                        log.kill()
                        freezer.frozen = True
                        daemon.journal.broken(LogBroken("killed"))

                    killer.kill = kill
                    trio.lowlevel.add_instrument(killer)
                    await script(daemon)
                    if killer.died:
                        await trio.sleep_forever()
                log.close()
                nursery.cancel_scope.cancel()
        except* LogBroken:
            assert killer.died
        trio.lowlevel.remove_instrument(killer)
        return killer.died

    async def write(self, daemon, text):
        try:
            outcome = await daemon.outbox.call(self.subject, entry(text), BY)
        except CallLost:
            return
        if isinstance(outcome, Queued):
            self.promised[text] = outcome.write
        elif outcome.status == 201:
            self.answered.add(text)

    async def first(self, daemon):
        """All is written while the provider is down, and comes through once it is back."""
        self.ledger.mood = "unreachable"
        for text in TEXTS:
            await self.write(daemon, text)
        self.ledger.mood = "up"
        await self.settled(daemon)

    async def last(self, daemon):
        """Nothing is written any more; a person looks at what is in doubt."""
        self.ledger.mood = "up"
        await self.settled(daemon)

    async def settled(self, daemon):
        with trio.fail_after(HOUR_S):
            while self.outbox(daemon) or self.rows():
                for write in self.outbox(daemon):
                    if write.phase is Phase.IN_DOUBT:
                        self._look(daemon, write)
                await trio.sleep(0.5)

    def _look(self, daemon, write):
        letter = self.store.letter(self.subject, write.row)
        arrived = letter.body.decode() in self.ledger.entries
        wish = commands.SettleWrite if arrived else commands.RetryWrite
        assert daemon.journal.execute(wish(subject=self.subject, write=write.number, by=BY))

    def check(self, *, keyed):
        """The law."""
        entries, promised = self.ledger.entries, self.promised
        assert not self.ledger.doubled, "nothing is carried out twice"
        assert promised.keys() | self.answered <= set(entries), "nothing acknowledged is lost"
        if not keyed:
            assert len(self.ledger.arrived) == len(entries), "nothing is repeated blindly"
        in_order = [text for text in entries if text in promised]
        assert in_order == sorted(promised, key=promised.get), "they arrive in their order"
        assert self.rows() == 0
        events = [decode(row) for row in self.disk.rows]
        queued = [each.seq for each in events if isinstance(each.event, WriteQueued)]
        over = [each.event.write for each in events if isinstance(each.event, WriteEnded)]
        assert sorted(over) == queued, "each comes to one end"
        begun = [each.event.write for each in events if isinstance(each.event, WriteBegun)]
        assert set(begun) <= set(queued)

    def _parts(self, log, freezer):
        settings = Settings(
            sync=SyncSettings(stop_within="5s"), connections={NAME: Declared(interval="9999d")}
        )
        return Parts(
            log=log,
            store=self.store,
            run=freezer,
            cache=Cache(Shelf(None), freezer),
            vault=self.vault,
            clock=self.clock,
            configuration=Configuration(
                settings=settings,
                providers={"health": self.file},
                files=(),
                own=frozenset({"health"}),
            ),
            connect=lambda file: Provider(
                file=file, send=self.ledger.send, send_token=self.ledger.send
            ),
            bridge=lambda journal: journal,
            state=None,
            version="simulated",
            chance=self.chance,
        )


def sweep(dice, *, keyed):
    """Die at the first step of a life, at the second, …, until one outlives it; how many died."""
    for number in range(1, STEPS_MAX):

        async def scene(number=number):
            mortal = Mortal(keyed=keyed, dice=dice())
            died = await mortal.life(mortal.first, number)
            await mortal.life(mortal.last, STEPS_MAX * 100)
            mortal.check(keyed=keyed)
            return died

        if not simulated(scene, number):
            return number - 1
    raise AssertionError("a life takes more steps than that")


@pytest.mark.requirement("E6")
@pytest.mark.parametrize(
    ("dice", "keyed"), [(Prompt, False), (Prompt, True), (Tardy, False)], ids=str
)
def test_a_death_at_any_step_loses_nothing_and_repeats_nothing(dice, keyed):
    assert sweep(dice, keyed=keyed) > 100


@pytest.mark.requirement("E6")
@pytest.mark.parametrize("keyed", [False, True])
def test_nor_does_one_after_another_on_a_slow_disk(keyed):
    """Three lives end at drawn steps, the last of them in the middle of what the others left."""

    async def scene(seed):
        dice = random.Random(seed)
        mortal = Mortal(keyed=keyed, dice=dice)
        await mortal.life(mortal.first, dice.randrange(1, 400))
        for _ in range(2):
            await mortal.life(mortal.last, dice.randrange(1, 200))
        await mortal.life(mortal.last, STEPS_MAX * 100)
        mortal.check(keyed=keyed)

    for seed in range(40):
        simulated(lambda seed=seed: scene(seed), seed)
