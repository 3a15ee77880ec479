"""Whatever gets lost, refused, killed or wished for, no grant is lost that could be kept.

A model of a provider whose refresh tokens are used up by their use, and of the shell between it and
`decide`: one turn at a time, in steps, so that it can die or crash between any two of them.
"""

from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec import Struct

from daemon import commands
from daemon.commands import Introspection
from daemon.decide import decide
from events import schema
from events.envelope import Recorded
from events.terms import FailureClass, GrantPolicy, InterruptReason, NeedReason, WayOut
from projections import connection
from projections import world as worlds
from projections.grant import Phase
from projections.world import World

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
PROVIDER, TENANT, ONE = 1, 2, 3
REUSE_FOR = 8 * HOUR
LIFETIME = HOUR  # of an access token

idle = st.sampled_from([None, timedelta(days=8)])
ways_out = st.sampled_from([WayOut.INTROSPECT, WayOut.TRY_ONCE, WayOut.ASK, WayOut.FREE])
policies = st.one_of(
    st.builds(GrantPolicy, way_out=ways_out, idle=idle),
    st.builds(GrantPolicy, way_out=st.just(WayOut.REUSE), reuse=st.just(REUSE_FOR), idle=idle),
    st.just(GrantPolicy(way_out=WayOut.FREE, person=False)),
)
passing = st.sampled_from([0, 1, 20, 31, 59, 61, 400, 6 * 1440]).map(lambda each: each * MINUTE)
steps = st.sampled_from([-40 * 1440, -300, -2, 2, 300, 40 * 1440]).map(lambda each: each * MINUTE)
fates = st.sampled_from(
    ["answered", "answered", "answered", "answer lost", "never arrived", "not sent", "down"]
)


class Kept(Struct, frozen=True):
    """A pair as it lies in the vault. Its refresh token is a number; 0 where there is none."""

    generation: int
    token: int
    expires_at: datetime

    def pair(self):
        token = f"token {self.token}" if self.token else ""
        return commands.Pair(generation=self.generation, token=token, expires_at=self.expires_at)


class Server:
    """Gives out numbered refresh tokens. One that is used again, late, ends the whole grant."""

    def __init__(self, policy):
        self.policy = policy
        self.given = 0
        self.current = 0
        self.used_up: dict[int, datetime] = {}

    def consent(self, with_refresh):
        """A new grant; the one before it is over."""
        self.given += 1
        self.current = self.given if with_refresh else 0
        return self.current

    def honours(self, token, now):
        if not self.policy.person:
            return True
        in_time = now - self.used_up.get(token, now - timedelta(days=999)) < REUSE_FOR
        still = self.current and self.policy.way_out is WayOut.REUSE and in_time
        return bool(still or (token and token == self.current))

    def refresh(self, token, now, rotates):
        """The token to be used next; None where the grant is refused."""
        if not self.policy.person:
            return 0
        if not self.honours(token, now):
            self.current = 0
            return None
        if token == self.current and rotates and self.policy.way_out is not WayOut.FREE:
            self.given += 1
            self.used_up[token] = now
            self.current = self.given
        return self.current


class Turn:
    """One exchange with the token endpoint: what was meant, with which pair, and what came of it.

    `stage` is meant, answered, or sealed.
    """

    def __init__(self, intended, before):
        self.intended = intended  # None where a person's code is exchanged
        self.before = before
        self.came = 0
        self.stage = "meant"


def is_meant(machine):
    return machine.turn is not None and machine.turn.stage == "meant"


def is_answered(machine):
    return machine.turn is not None and machine.turn.stage == "answered"


def is_sealed(machine):
    return machine.turn is not None and machine.turn.stage == "sealed"


def syncs(machine):
    """A sync is at work, nobody has taken it back, and nobody else has the turn."""
    ready = machine.turn is None and not machine.cancelled
    return ready and machine.run is not None and machine.task is not None


class Grants(RuleBasedStateMachine):
    @initialize(policy=policies)
    def begin(self, policy):
        self.policy, self.server = policy, Server(policy)
        self.now = self.true = NOON  # what the host's clock says, and what the provider's does
        self.groups: list[list[Recorded]] = []  # the log, a decision each
        self.on_disk = 0
        self.world = World()
        self.kept: Kept | None = None
        self.older: list[Kept | None] = [None]
        self.restored = False
        self.introspection = Introspection.NOT_ASKED
        self.unanswered = 0  # tries of the token that is in doubt
        self.meant: schema.RefreshIntended | None = None  # the refresh that is open, by the log
        self._forget_tasks()
        declared = schema.ProviderDeclared(name="weather", digest="d", streams=(), grant=policy)
        self.execute(commands.DeclareProvider(subject=PROVIDER, declaration=declared))
        self.connect(credential=False)

    @property
    def grant(self):
        return self.world.connections[ONE].grant

    @property
    def run(self):
        return self.world.connections[ONE].run

    # -- the shell's ways with the journal --------------------------------------------------------

    def execute(self, command):
        recorded = [
            Recorded(seq=self.world.seq + place, at=self.now, subject=subject, event=event)
            for place, (subject, event) in enumerate(decide(command, self.world, self.now), 1)
        ]
        if recorded:
            self.groups.append(recorded)
        before = self.grant.phase if ONE in self.world.connections else Phase.NONE
        for each in recorded:
            self._fold(each)
        if recorded and before is Phase.NEEDED:
            self._check_need([each.event for each in recorded])
        return recorded

    def durable(self):
        self.on_disk = len(self.groups)

    def _fold(self, recorded):
        event, known = recorded.event, self.world.connections.get(ONE)
        if known is not None:
            self._check(event, known.grant)
        worlds.fold(self.world, recorded)
        if known is not None:
            assert self.grant.generation >= known.grant.generation, "generations never go back"

    def _forget_tasks(self):
        self.turn: Turn | None = None
        self.task: Recorded | None = None  # the SyncStarted or RefreshIntended that is worked for
        self.cancelled = False

    def _end_turn(self):
        self.turn = None
        if self.task and (self.cancelled or isinstance(self.task.event, schema.RefreshIntended)):
            self.task = None
        self.cancelled = self.cancelled and self.task is not None

    # -- the laws, event by event -----------------------------------------------------------------

    def _check(self, event, grant):
        match event:
            case schema.RefreshIntended():
                assert self.meant is None, "two refreshes at once"
                assert self.turn is None, "a refresh is meant while another exchange goes on"
                assert event.generation == grant.generation
                if grant.phase is Phase.IN_DOUBT:
                    self._check_try()
                self.meant = event
            case schema.TokenRefreshed() | schema.ConnectionAuthorised():
                assert event.generation == grant.generation + 1, "pairs are counted one by one"
                assert isinstance(event, schema.TokenRefreshed) or self.meant is None
                self.meant, self.unanswered = None, 0
            case schema.TokenInDoubt():
                assert self.meant is not None
                self.unanswered += self.meant.tries > 0
                self.meant = None
            case schema.RefreshFailed():
                self.meant = None
            case schema.AuthorisationNeeded():
                self._check_giving_up(event, grant)
                self.meant = None
            case schema.CredentialSet():
                assert self.meant is None
                self.unanswered = 0
            case schema.ConnectionAdded():
                assert self.meant is None
                self.unanswered = 0

    def _check_try(self):
        way_out, active = self.policy.way_out, self.introspection is Introspection.ACTIVE
        assert way_out is not WayOut.ASK, "where a person is to be asked, nothing is tried"
        if way_out is WayOut.TRY_ONCE or (way_out is WayOut.INTROSPECT and not active):
            assert self.unanswered == 0, "a token in doubt is tried once"

    def _check_giving_up(self, event, grant):
        """Nobody is asked to consent anew where the pair that is kept would still do."""
        assert self.policy.person, "nobody can consent for a machine"
        kept, reason = self.kept, event.reason
        if reason is NeedReason.NEW or kept is None:
            return
        assert kept.generation <= grant.generation, "what was sealed after all is given up"
        if kept.generation < grant.generation:
            assert self.restored, "a pair went missing"
            return
        if not self.server.honours(kept.token, self.true):
            return
        assert reason is NeedReason.IN_DOUBT, f"given up as {reason}"
        match self.policy.way_out:
            case WayOut.REUSE:
                assert self.now >= grant.doubted_at + REUSE_FOR, "given up in its time"
                assert self.unanswered, "given up untried"
            case WayOut.TRY_ONCE:
                assert self.unanswered, "given up untried"
            case WayOut.INTROSPECT:
                assert self.introspection is Introspection.NOT_ASKED
                assert self.unanswered, "given up untried"
            case way_out:
                assert way_out is WayOut.ASK, "given up for nothing"

    def _check_need(self, events):
        """Only a person leads out of the need for one, or another credential where none can."""
        if self.grant.phase is Phase.NEEDED:
            return
        assert any(isinstance(each, schema.ConnectionAuthorised) for each in events)

    # -- work begins and ends ---------------------------------------------------------------------

    @precondition(lambda self: self.task is None)
    @rule()
    def start(self):
        at = connection.next_work(self.world.connections[ONE])
        recorded = self.execute(commands.Start(subject=ONE))
        assert bool(recorded) == (at is not None and at <= self.now), "what is due can begin"
        if recorded:
            self.task = recorded[0]
            self.durable()

    @precondition(syncs)
    @rule(captured=st.booleans())
    def finish(self, captured):
        self.execute(
            commands.Finish(
                subject=ONE,
                sync=self.run.sync,
                duration_ms=1,
                captured=("days",) if captured else (),
                records=0,
                failures=(),
                calls=(),
            )
        )
        self.task = None

    @precondition(syncs)
    @rule(reason=st.sampled_from(InterruptReason))
    def interrupt(self, reason):
        self.execute(commands.Interrupt(subject=ONE, sync=self.run.sync, reason=reason))
        self.task = None

    @precondition(lambda self: self.task is not None)
    @rule()
    def crash(self):
        """Our own code fails, at whatever step of its work."""
        self.execute(commands.Crash(subject=ONE, error="E at x.py:1"))
        if self.turn and self.turn.intended:
            self.turn = None
        self.task, self.cancelled = None, False

    @rule(lost=st.integers(0, 3), restore=st.booleans(), data=st.data())
    def die(self, lost, restore, data):
        """The process ends, with the tail of the log that no commit holds. The next one begins."""
        self._check_replay()
        del self.groups[max(self.on_disk, len(self.groups) - lost) :]
        self.world = self._replayed()
        self.meant = self._open_refresh()
        self._forget_tasks()
        if restore:
            self.kept = data.draw(st.sampled_from(self.older))
            self.restored = True
        self.execute(commands.Recover(version="2"))
        self._settle()
        self.durable()
        assert self.grant.phase is not Phase.REFRESHING, "nobody works on it any more"

    # -- a token is asked for ---------------------------------------------------------------------

    @precondition(syncs)
    @rule(going_on=st.booleans(), refused=st.booleans(), asked=st.sampled_from(["yes", "no", "-"]))
    def ask(self, going_on, refused, asked):
        """For a call of the sync: what is in the vault, or a new one."""
        if self.kept and self.kept.generation > self.grant.generation:
            self._settle()
        self.introspection = self._introspected(asked)
        wish = commands.Renew(
            subject=ONE,
            sync=self.run.sync,
            kept=self.kept.generation if self.kept else None,
            refused=self.grant.generation if refused else None,
            introspection=self.introspection,
            going_on=going_on,
        )
        recorded = self.execute(wish)
        self.durable()
        if recorded and isinstance(recorded[0].event, schema.RefreshIntended):
            self.turn = Turn(recorded[0].event, self.kept)
        elif self.grant.phase is Phase.GOOD:
            assert self.kept is not None
            assert self.kept.generation == self.grant.generation, "a pair is used that is not known"

    @precondition(
        lambda self: (
            self.turn is None
            and self.task is not None
            and isinstance(self.task.event, schema.RefreshIntended)
        )
    )
    @rule()
    def keep_alive(self):
        """Its turn has come; somebody may have authorised, removed or taken back meanwhile."""
        event = self.task.event
        if self.grant.phase is not Phase.REFRESHING:
            self.task = None
        elif self.kept is None or self.kept.generation != event.generation:
            self._lose(FailureClass.INTERNAL, sent=False)
            self.task = None
        else:
            self.turn = Turn(event, self.kept)

    @precondition(lambda self: is_meant(self) and self.turn.intended)
    @rule(fate=fates, rotates=st.booleans())
    def send(self, fate, rotates):
        token = self.turn.before.token if self.turn.before else 0
        if fate in ("answered", "answer lost"):
            if self.grant.doubted_at is None:
                assert token not in self.server.used_up, "a token is used up, and known to be"
            self.turn.came = self.server.refresh(token, self.true, rotates)
        match fate:
            case "answered" if self.turn.came is not None:
                self.turn.stage = "answered"
                return
            case "answered":
                self._lose(FailureClass.AUTH, sent=False, status=400, error="invalid_grant")
            case "answer lost" | "never arrived":
                self._lose(FailureClass.TIMEOUT, sent=True)
            case "not sent":
                self._lose(FailureClass.NETWORK, sent=False)
            case "down":
                self._lose(FailureClass.SERVER, sent=False, status=503)
        self._end_turn()

    @precondition(is_answered)
    @rule()
    def seal(self):
        generation = self.grant.generation + 1
        self.older.append(self.kept)
        self.kept = Kept(generation, self.turn.came, self.now + LIFETIME)
        self.restored = False
        self.turn.stage = "sealed"

    @precondition(is_sealed)
    @rule()
    def tell(self):
        """Record that there is a new pair, and use it only then."""
        assert self.kept is not None
        pair, sync = self.kept.pair(), self.turn.intended.sync if self.turn.intended else None
        if self.turn.intended:
            self.execute(commands.Activate(subject=ONE, pair=pair, sync=sync))
        else:
            self.execute(commands.Authorise(subject=ONE, pair=pair))
        self.durable()
        self._end_turn()

    # -- a person ---------------------------------------------------------------------------------

    @precondition(lambda self: self.policy.person)
    @rule()
    def go_to_authorise(self):
        self.execute(commands.BeginAuthorisation(subject=ONE))
        self.durable()

    @precondition(lambda self: self.turn is None and self.grant.beginning)
    @rule()
    def come_back(self):
        """The browser brings a code, which is to be exchanged."""
        self.turn = Turn(None, self.kept)

    @precondition(lambda self: is_meant(self) and not self.turn.intended)
    @rule(fate=fates, with_refresh=st.sampled_from([True, True, True, False]))
    def exchange(self, fate, with_refresh):
        if fate in ("answered", "answer lost"):
            self.turn.came = self.server.consent(with_refresh)
        if fate == "answered":
            self.turn.stage = "answered"
        else:
            self._end_turn()

    @rule()
    def revoke(self):
        """The person takes it back, at the provider."""
        self.server.current = 0

    # -- wishes -----------------------------------------------------------------------------------

    @rule(credential=st.booleans())
    def connect(self, credential):
        wish = commands.Connect(
            subject=ONE, tenant=TENANT, provider=PROVIDER, credential=credential
        )
        self.execute(wish)
        self.durable()

    @rule(forgets=st.booleans())
    def remove(self, forgets):
        """What the vault holds of it goes too, unless the disk is full."""
        self.execute(commands.Remove(subject=ONE))
        self.durable()
        self._taken_back()
        if forgets:
            self.kept = None

    @rule(wish=st.sampled_from([commands.Pause, commands.Resume, commands.Request]))
    def want(self, wish):
        self.execute(wish(subject=ONE))

    @rule()
    def cancel(self):
        self.execute(commands.Cancel(subject=ONE))
        self._taken_back()

    # -- time -------------------------------------------------------------------------------------

    @rule(by=passing)
    def pass_time(self, by):
        self.now += by
        self.true += by

    @rule(by=steps)
    def step_the_clock(self, by):
        self.now += by
        self.execute(commands.StepClock(by=by))
        self.execute(commands.Review(subject=ONE))

    # -- always -----------------------------------------------------------------------------------

    @invariant()
    def places_are_taken_by_what_works(self):
        running = self.world.fleet.running
        assert running == ({ONE} if self.run or self._is_kept_alive() else set())
        if self.task is None:
            assert not running, "nobody works, and yet a place is taken"

    @invariant()
    def a_refresh_is_open_while_somebody_works_on_it(self):
        assert (self.grant.phase is Phase.REFRESHING) == (self.meant is not None)
        if self.meant is not None:
            assert self.task is not None

    def teardown(self):
        if hasattr(self, "world"):
            self._check_replay()

    # -- what the rules share ---------------------------------------------------------------------

    def _is_kept_alive(self):
        return self.meant is not None and self.meant.sync is None

    def _introspected(self, asked):
        can = self.policy.way_out is WayOut.INTROSPECT and self.kept is not None
        if self.grant.phase is not Phase.IN_DOUBT or not can or asked == "no":
            return Introspection.NOT_ASKED
        if asked == "-":
            return Introspection.SILENT
        honoured = self.server.honours(self.kept.token, self.true)
        return Introspection.ACTIVE if honoured else Introspection.INACTIVE

    def _settle(self):
        """At the start of a life, and where the vault turns out to be ahead of the log."""
        pair = self.kept.pair() if self.kept else None
        self.execute(commands.Settle(subject=ONE, kept=pair))

    def _lose(self, cause, *, sent, **more):
        sync = self.task.seq if isinstance(self.task.event, schema.SyncStarted) else None
        wish = commands.LoseRefresh(
            subject=ONE, cause=cause, message="it is gone", sent=sent, sync=sync, **more
        )
        self.execute(wish)
        self.durable()

    def _taken_back(self):
        """A sync that was taken back ends, though not in the middle of its turn."""
        if self.task is None or self.run is not None or self._is_kept_alive():
            return
        if self.turn is not None and self.turn.intended is not None:
            self.cancelled = True
        else:
            self.task = None

    def _open_refresh(self):
        if self.grant.phase is not Phase.REFRESHING:
            return None
        events = (each.event for group in reversed(self.groups) for each in reversed(group))
        return next(each for each in events if isinstance(each, schema.RefreshIntended))

    def _replayed(self):
        world = World()
        for group in self.groups:
            for each in group:
                worlds.fold(world, each)
        return world

    def _check_replay(self):
        assert self._replayed() == self.world, "replay equals live"


Grants.TestCase.settings = settings(max_examples=200, stateful_step_count=60)


class TestGrants(Grants.TestCase):
    """Generations count by one, refreshes are never two at once, only a person ends the need for
    one, and what the provider would still honour, by its own way out, is never given up."""
