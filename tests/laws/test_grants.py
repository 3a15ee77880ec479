"""Whatever gets lost, refused, killed or wished for, no grant is lost that could be kept.

A model of a provider whose refresh tokens are used up by their use, and of the shell between it and
`decide`: one turn at a time, in steps, so that it can die or crash between any two of them.
"""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct, structs

from daemon import commands
from daemon.commands import Introspection
from daemon.decide import decide
from daemon.decide.doubt import TRIES_MAX
from events import schema
from events.envelope import Recorded
from events.terms import (
    DoubtReason,
    FailureClass,
    GrantPolicy,
    InterruptReason,
    NeedReason,
    RefreshReason,
    WayOut,
)
from projections import connection
from projections import world as worlds
from projections.grant import Phase
from projections.world import World

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
PROVIDER, TENANT, ONE = 1, 2, 3
REUSE_FOR = 8 * HOUR
LIFETIME = HOUR  # of an access token
SOON_GOOD = 3  # steps until a first grant is in use, where nothing goes wrong


# -- the provider ---------------------------------------------------------------------------------


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
        if self.policy.way_out is WayOut.REUSE and self.current and token in self.used_up:
            return now - self.used_up[token] < REUSE_FOR
        return token != 0 and token == self.current

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


# -- the shell ------------------------------------------------------------------------------------


class Kept(Struct, frozen=True):
    """A pair as it lies in the vault. Its refresh token is a number; 0 where there is none.

    `consented` says that it is the first of a grant.
    """

    generation: int
    token: int
    expires_at: datetime
    consented: bool

    def pair(self):
        token = f"token {self.token}" if self.token else ""
        return commands.Pair(generation=self.generation, token=token, expires_at=self.expires_at)


class Turn(Struct):
    """One exchange with the token endpoint: what was meant, with which pair, and what came of it.

    `intended` is None where a person's code is exchanged; `came` is a refresh token.
    """

    intended: schema.RefreshIntended | None
    before: Kept | None
    came: int | None = None


class Refresh(Struct):
    """How it stands with the refresh token, as a bystander who reads the log sees it.

    `meant` is the refresh that is open; `tried` counts how often the token in doubt was sent,
    silence apart; `untold` the same, since the provider last said something of it.
    """

    meant: schema.RefreshIntended | None = None
    doubted_at: datetime | None = None
    tried: int = 0
    untold: int = 0


class Saga:
    """One connection, its provider, its vault and its log. Each step that cannot be is none."""

    def __init__(self, policy, interval):
        self.policy, self.interval, self.server = policy, interval, Server(policy)
        self.now = self.true = NOON  # what the host's clock says, and what the provider's does
        self.groups: list[list[Recorded]] = []  # the log, a decision each
        self.on_disk = 0
        self.world = World()
        self.kept: Kept | None = None
        self.older: list[Kept | None] = [None]
        self.restored = False
        self.introspection = Introspection.NOT_ASKED
        self.seen = Refresh()
        self.as_seen: list[Refresh] = []  # after each decision
        self.forget_tasks()
        declared = schema.ProviderDeclared(name="weather", digest="d", streams=(), grant=policy)
        self.execute(commands.DeclareProvider(subject=PROVIDER, declaration=declared))
        self.connect(credential=False)
        for _ in range(SOON_GOOD):
            self.go_on(
                fate="answered",
                rotates=True,
                asked="yes",
                calls="begins",
                captured=True,
                resumes=True,
            )

    @property
    def known(self):
        return self.world.connections[ONE]

    @property
    def grant(self):
        return self.known.grant

    # -- the journal ------------------------------------------------------------------------------

    def execute(self, command):
        before = self.grant.phase if self.groups[1:] else Phase.NONE
        recorded = [
            Recorded(seq=self.world.seq + place, at=self.now, subject=subject, event=event)
            for place, (subject, event) in enumerate(decide(command, self.world, self.now), 1)
        ]
        if not recorded:
            return []
        self.groups.append(recorded)
        self.see(recorded)
        self.as_seen.append(structs.replace(self.seen))
        authorised = [isinstance(each.event, schema.ConnectionAuthorised) for each in recorded]
        if before is Phase.NEEDED and self.grant.phase is not Phase.NEEDED:
            assert any(authorised), "only a person leads out of the need for one"
        return recorded

    def see(self, recorded):
        for each in recorded:
            if ONE in self.world.connections:
                check(self, each.event, self.grant)
                generation = self.grant.generation
                worlds.fold(self.world, each)
                assert self.grant.generation >= generation, "generations never go back"
            else:
                worlds.fold(self.world, each)

    def durable(self):
        self.on_disk = len(self.groups)

    def replayed(self):
        world = World()
        for group in self.groups:
            for each in group:
                worlds.fold(world, each)
        return world

    # -- work begins and ends ---------------------------------------------------------------------

    def forget_tasks(self):
        self.turn: Turn | None = None
        self.task: Recorded | None = None  # the SyncStarted or RefreshIntended that is worked for

    def go_on(self, *, fate, rotates, asked, calls, captured, resumes):
        """Do what comes next, whatever that is."""
        if self.turn is not None:
            self.take_turn(fate, rotates, asked)
        elif self.task is not None and self.is_alive_kept():
            self.keep_alive()
        elif self.task is not None and calls:
            self.ask(going_on=calls == "goes on", refused=calls == "refused")
        elif self.task is not None:
            self.finish(captured)
        elif self.grant.phase is Phase.NEEDED:
            self.authorise()
        else:
            self.start(resumes)

    def start(self, resumes):
        """As the scheduler does, when something falls due; somebody may have it resumed before."""
        self.connect(credential=False)
        if resumes:
            self.execute(commands.Resume(subject=ONE))
        at = connection.next_work(self.known)
        self.pass_time(max(timedelta(), (at or self.now) - self.now))
        self.begin()

    def begin(self):
        if self.task is not None:
            return
        at = connection.next_work(self.known)
        recorded = self.execute(commands.Start(subject=ONE))
        assert bool(recorded) == (at is not None and at <= self.now), "what is due can begin"
        if recorded and isinstance(recorded[0].event, schema.SyncStarted | schema.RefreshIntended):
            self.task = recorded[0]
        self.durable()

    def finish(self, captured):
        self.execute(
            commands.Finish(
                subject=ONE,
                sync=self.task.seq,
                duration_ms=1,
                captured=("days",) if captured else (),
                records=0,
                failures=(),
                calls=(),
            )
        )
        self.task = None

    def interrupt(self, reason):
        if self.task is not None and self.turn is None and not self.is_alive_kept():
            self.execute(commands.Interrupt(subject=ONE, sync=self.task.seq, reason=reason))
            self.task = None

    def crash(self, sealed):
        """Our own code fails, at whatever step of its work; then the vault is looked into."""
        if self.task is None:
            return
        if self.turn is not None and self.turn.intended is not None:
            self.perhaps_seal(sealed)
            self.turn = None
        self.execute(commands.Crash(subject=ONE, error="E at x.py:1"))
        self.task = None
        self.settle()

    def perhaps_seal(self, sealed):
        """An end between the seal and its event, where there is something to be sealed."""
        if sealed and self.turn is not None and self.turn.came is not None:
            self.seal()

    def die(self, lost, sealed, restored):
        """The process ends, with the tail of the log that no commit holds. The next one begins."""
        self.perhaps_seal(sealed)
        assert self.replayed() == self.world, "replay equals live"
        there = max(self.on_disk, len(self.groups) - lost)
        del self.groups[there:], self.as_seen[there:]
        self.world, self.seen = self.replayed(), structs.replace(self.as_seen[-1])
        self.forget_tasks()
        if restored:
            self.kept = self.older[-min(restored, len(self.older))]
            self.restored = True
        self.execute(commands.Recover(version="2"))
        self.settle()
        self.durable()
        assert self.grant.phase is not Phase.REFRESHING, "nobody works on it any more"
        newer = self.kept is not None and self.kept.generation > self.grant.generation
        waits = self.grant.beginning or self.grant.phase is Phase.IN_DOUBT
        assert self.known.removed or self.restored or not (newer and waits), "it is not taken over"

    # -- tokens -----------------------------------------------------------------------------------

    def ask(self, *, going_on, refused):
        """For a call of the sync: the token in the vault, or a new one."""
        wish = commands.Renew(
            subject=ONE,
            sync=self.task.seq,
            kept=self.kept.generation if self.kept else None,
            refused=self.grant.generation if refused else None,
            going_on=going_on,
        )
        recorded = self.execute(wish)
        self.durable()
        if recorded and isinstance(recorded[0].event, schema.RefreshIntended):
            self.turn = Turn(recorded[0].event, self.kept)
        elif self.grant.phase is Phase.GOOD:
            assert self.kept is not None
            assert self.kept.generation == self.grant.generation, "a pair is used that is not known"

    def introspected(self, asked):
        can = self.policy.way_out is WayOut.INTROSPECT and self.kept is not None
        if not can or asked == "no":
            return Introspection.NOT_ASKED
        if asked == "in vain":
            return Introspection.SILENT
        if not self.server.honours(self.kept.token, self.true):
            return Introspection.INACTIVE
        self.seen.untold = 0  # what was tried before it was asked had not arrived
        return Introspection.ACTIVE

    def is_alive_kept(self):
        return isinstance(self.task.event, schema.RefreshIntended)

    def keep_alive(self):
        """Its turn has come; somebody may have authorised, removed or taken back meanwhile."""
        event = self.task.event
        if self.grant.phase is not Phase.REFRESHING:
            self.task = None
        elif self.kept is None or self.kept.generation != event.generation:
            self.lose(FailureClass.INTERNAL, sent=False, missing=True)
            self.task = None
        else:
            self.turn = Turn(event, self.kept)

    def take_turn(self, fate, rotates, asked):
        if self.turn.came is not None:
            self.seal()
            self.tell()
        elif self.is_to_be_asked():
            self.testify(fate, rotates, asked)
        elif self.turn.intended is not None:
            self.send(fate, rotates)
        else:
            self.exchange(fate, with_refresh=rotates)

    def is_to_be_asked(self):
        intended, before = self.turn.intended, self.turn.before
        in_doubt = intended is not None and intended.reason is RefreshReason.IN_DOUBT
        return in_doubt and before is not None

    def testify(self, fate, rotates, asked):
        """Ask the server, then at once send the token in doubt once more."""
        if self.grant.phase is not Phase.REFRESHING:
            self.end_turn()
            return
        self.introspection = self.introspected(asked)
        if self.introspection is Introspection.SILENT:
            self.lose(FailureClass.NETWORK, sent=False)
            self.end_turn()
            return
        sync = self.turn.intended.sync
        self.execute(commands.Testify(subject=ONE, says=self.introspection, sync=sync))
        self.durable()
        if self.grant.phase is Phase.REFRESHING:
            self.send(fate, rotates)
        else:
            self.end_turn()

    def send(self, fate, rotates):
        if self.turn.intended.reason is RefreshReason.IN_DOUBT:
            check_try(self)
        token, came = self.turn.before.token if self.turn.before else 0, None
        if fate in ("answered", "answer lost"):
            if not self.turn.intended.tries:
                assert token not in self.server.used_up, "a token is used up, and known to be"
            came = self.server.refresh(token, self.true, rotates)
        match fate:
            case "answered" if came is not None:
                self.turn.came = came
                return
            case "answered":
                self.lose(FailureClass.AUTH, sent=False, status=400, error="invalid_grant")
            case "answer lost" | "never arrived":
                self.lose(FailureClass.TIMEOUT, sent=True)
            case "not sent":
                self.lose(FailureClass.NETWORK, sent=False)
            case "down":
                self.lose(FailureClass.SERVER, sent=False, status=503)
            case "not known":
                self.lose(FailureClass.AUTH, sent=False, status=401, error="invalid_client")
        self.end_turn()

    def lose(self, cause, *, sent, **more):
        """Record that no pair came."""
        sync, was_open = self.turn.intended.sync if self.turn else None, self.seen.meant is not None
        wish = commands.LoseRefresh(
            subject=ONE, cause=cause, message="it is gone", sent=sent, sync=sync, **more
        )
        self.execute(wish)
        self.durable()
        if was_open and self.policy.person and more.get("error") == "invalid_grant":
            assert self.grant.phase is Phase.NEEDED, "a refused grant needs a person"

    def seal(self):
        """What came for a grant that has ended meanwhile is nobody's, and is not kept."""
        if self.turn.intended is not None and self.grant.phase is not Phase.REFRESHING:
            return
        self.older.append(self.kept)
        self.kept = Kept(
            generation=self.grant.generation + 1,
            token=self.turn.came,
            expires_at=self.now + LIFETIME,
            consented=self.turn.intended is None,
        )
        self.restored = False

    def tell(self):
        """Record that there is a new pair; it is used only then."""
        pair, intended = self.kept.pair() if self.kept else None, self.turn.intended
        if intended is None:
            self.execute(commands.Authorise(subject=ONE, pair=pair))
        elif self.grant.phase is Phase.REFRESHING:
            self.execute(commands.Activate(subject=ONE, pair=pair, sync=intended.sync))
        self.durable()
        self.end_turn()

    def end_turn(self):
        """A task that was kept alive, or taken back meanwhile, ends with its turn."""
        mine = self.turn.intended is not None
        self.turn = None
        if mine and self.known.run is None:
            self.task = None

    def settle(self):
        """At the start of a life, and after a crash: the vault may be ahead of the log."""
        pair = self.kept.pair() if self.kept else None
        self.execute(commands.Settle(subject=ONE, kept=pair))

    # -- a person ---------------------------------------------------------------------------------

    def authorise(self):
        """Go to the provider, come back with a code, and wait for the turn to exchange it."""
        if self.policy.person and self.turn is None:
            self.execute(commands.BeginAuthorisation(subject=ONE))
            self.durable()
            self.turn = Turn(None, self.kept)

    def exchange(self, fate, *, with_refresh):
        came = None
        if fate in ("answered", "answer lost"):
            came = self.server.consent(with_refresh)
        if fate == "answered":
            self.turn.came = came
        else:
            self.end_turn()

    def revoke(self):
        """The person takes it back, at the provider."""
        self.server.current = 0

    # -- wishes, and time -------------------------------------------------------------------------

    def connect(self, credential):
        wish = commands.Connect(
            subject=ONE,
            tenant=TENANT,
            provider=PROVIDER,
            interval=self.interval,
            credential=credential,
        )
        self.execute(wish)
        self.durable()

    def remove(self, forgets):
        """What the vault holds of it goes too, unless the disk is full."""
        self.execute(commands.Remove(subject=ONE))
        self.durable()
        self.take_back()
        if forgets:
            self.kept = None

    def replace(self):
        """Remove it and add it again, whatever is going on."""
        self.remove(forgets=True)
        self.connect(credential=False)

    def want(self, wish):
        self.execute(wish(subject=ONE))
        self.take_back()

    def take_back(self):
        """A sync that was taken back ends, though not in the middle of its turn."""
        in_turn = self.turn is not None and self.turn.intended is not None
        if self.task is not None and not self.is_alive_kept() and not in_turn:
            self.task = self.task if self.known.run else None

    def pass_time(self, by):
        self.now += by
        self.true += by

    def step_the_clock(self, by):
        self.now += by
        self.execute(commands.StepClock(by=by))
        self.execute(commands.Review(subject=ONE, by=by))


# -- the laws, event by event ---------------------------------------------------------------------


def check(saga, event, grant):
    """What must hold when this happens to a grant as it stood before."""
    seen = saga.seen
    match event:
        case schema.RefreshIntended():
            assert seen.meant is None, "two refreshes at once"
            assert saga.turn is None, "a refresh is meant while another exchange goes on"
            assert event.generation == grant.generation
            assert grant.phase is not Phase.NEEDED, "nothing is sent until a person authorises"
            seen.meant = event
        case schema.TokenRefreshed() | schema.ConnectionAuthorised():
            assert event.generation == grant.generation + 1, "pairs are counted one by one"
            if isinstance(event, schema.ConnectionAuthorised):
                assert seen.meant is None, "it overtakes a refresh that is still open"
                same = grant.phase is Phase.IN_DOUBT  # a crash hid which of the two it was
                assert saga.kept.consented or same, "nobody consented to this grant"
            saga.seen = Refresh()
        case schema.TokenInDoubt(reason=reason):
            assert seen.meant is not None
            counts = reason is DoubtReason.DIED and seen.meant.tries > 0  # silence is no try
            saga.seen = Refresh(
                doubted_at=seen.doubted_at or saga.now,
                tried=seen.tried + counts,
                untold=seen.untold + counts,
            )
        case schema.RefreshFailed():
            saga.seen = structs.replace(seen, meant=None)
        case schema.AuthorisationNeeded():
            check_giving_up(saga, event, grant)
            seen.meant = None
        case schema.CredentialSet() | schema.ConnectionAdded():
            assert seen.meant is None, "a refresh is left open for ever"
            saga.seen = Refresh()
        case schema.SyncStarted():
            assert grant.phase is not Phase.NEEDED, "nothing starts until a person authorises"


def check_try(saga):
    way_out, active = saga.policy.way_out, saga.introspection is Introspection.ACTIVE
    assert way_out is not WayOut.ASK, "where a person is to be asked, nothing is tried"
    late = way_out is WayOut.REUSE and saga.now >= saga.seen.doubted_at + REUSE_FOR
    if late or way_out is WayOut.TRY_ONCE or (way_out is WayOut.INTROSPECT and not active):
        assert saga.seen.untold < TRIES_MAX, "a token in doubt is not tried for ever"


def check_giving_up(saga, event, grant):
    """Nobody is asked to consent anew where the pair that is kept would still do."""
    assert saga.policy.person, "nobody can consent for a machine"
    kept, reason = saga.kept, event.reason
    if reason is NeedReason.NEW or kept is None:
        return
    assert kept.generation <= grant.generation, "what was sealed after all is given up"
    if kept.generation < grant.generation:
        assert saga.restored, "a pair went missing"
        return
    if not saga.server.honours(kept.token, saga.true):
        return
    assert reason is NeedReason.IN_DOUBT, f"given up as {reason}"
    match saga.policy.way_out:
        case WayOut.REUSE:
            assert saga.now >= saga.seen.doubted_at + REUSE_FOR, "given up in its time"
            assert saga.seen.tried >= TRIES_MAX
        case WayOut.INTROSPECT:
            assert saga.introspection is Introspection.NOT_ASKED
            assert saga.seen.tried >= TRIES_MAX
        case WayOut.TRY_ONCE:
            assert saga.seen.tried >= TRIES_MAX
        case way_out:
            assert way_out is WayOut.ASK, "given up for nothing"


def check_always(saga):
    """Places are taken by what works, and a refresh is open while somebody works on it."""
    alive = saga.seen.meant is not None and saga.seen.meant.sync is None
    assert saga.world.fleet.running == ({ONE} if saga.known.run or alive else set())
    assert (saga.grant.phase is Phase.REFRESHING) == (saga.seen.meant is not None)
    assert (saga.grant.phase is Phase.IN_DOUBT) <= (saga.seen.doubted_at is not None)
    if saga.task is None:
        assert not saga.world.fleet.running, "nobody works, and yet a place is taken"
        assert saga.seen.meant is None, "nobody works on it, and nobody will"


# -- lives ----------------------------------------------------------------------------------------


def step(name, **draws):
    return st.tuples(st.just(name), st.fixed_dictionaries(draws))


fates = st.sampled_from(
    [
        *["answered"] * 6,
        *["answer lost", "never arrived"] * 2,
        *["not sent", "down", "not known"],
    ]
)
passing = st.sampled_from([0, 1, 20, 31, 59, 61, 400, 6 * 1440]).map(lambda each: each * MINUTE)
jumps = st.sampled_from([-40 * 1440, -300, -2, 2, 300, 40 * 1440]).map(lambda each: each * MINUTE)
going_on = step(
    "go_on",
    fate=fates,
    rotates=st.sampled_from([True, True, True, False]),
    asked=st.sampled_from(["yes", "yes", "in vain", "no"]),
    calls=st.sampled_from(["begins", "goes on", "refused", ""]),
    captured=st.booleans(),
    resumes=st.booleans(),
)
death = step(
    "die",
    lost=st.integers(0, 3),
    sealed=st.booleans(),
    restored=st.sampled_from([0, 0, 0, 0, 1, 2]),
)
mishaps = st.sampled_from(
    [
        *[death, step("crash", sealed=st.booleans())] * 3,
        step("interrupt", reason=st.sampled_from(InterruptReason)),
        step("step_the_clock", by=jumps),
        step("revoke"),
    ]
).flatmap(lambda kind: kind)
wishes = st.one_of(
    step("authorise"),
    step("authorise"),
    step("want", wish=st.sampled_from([commands.Pause, commands.Resume, commands.Request])),
    step("want", wish=st.just(commands.Cancel)),
    step("authorise"),
    step("connect", credential=st.booleans()),
    step("remove", forgets=st.booleans()),
    step("replace"),
    step("begin"),
    step("pass_time", by=passing),
)
nothing = step("pass_time", by=st.just(0 * MINUTE))  # what a step shrinks to
kinds = st.sampled_from([nothing, *[going_on] * 14, *[mishaps] * 3, *[wishes] * 2])
lives = st.lists(kinds.flatmap(lambda kind: kind), min_size=40, max_size=80)

policies = st.builds(
    lambda policy, idle: structs.replace(policy, idle=idle),
    st.sampled_from(
        [
            *[GrantPolicy(way_out=WayOut.TRY_ONCE)] * 2,
            *[GrantPolicy(way_out=WayOut.REUSE, reuse=REUSE_FOR)] * 2,
            *[GrantPolicy(way_out=WayOut.INTROSPECT)] * 2,
            GrantPolicy(way_out=WayOut.ASK),
            GrantPolicy(way_out=WayOut.FREE),
            GrantPolicy(way_out=WayOut.FREE, person=False),
        ]
    ),
    st.sampled_from([8 * DAY, None]),
)
intervals = st.sampled_from([6 * HOUR, 30 * DAY])  # with the latter, grants are kept alive between


@given(policies, intervals, lives)
@settings(max_examples=400)
def test_no_grant_is_lost_that_could_be_kept(policy, interval, life):
    """Generations count by one, refreshes are never two at once, only a person ends the need for
    one, and what the provider would still honour, by its own way out, is never given up."""
    saga = Saga(policy, interval)
    for name, draws in life:
        getattr(saga, name)(**draws)
        check_always(saga)
    assert saga.replayed() == saga.world, "replay equals live"
