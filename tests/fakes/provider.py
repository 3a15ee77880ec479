"""How would a provider behave over a month: pages, outages, empty answers, changing data?

It counts how it is mistreated instead of raising: a supervisor would swallow that.
"""

import itertools
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import msgspec
import trio

from daemon.clock import Clock
from daemon.exchange import CallLost, Request, Response
from events.terms import FailureClass

PAGE = 20

# What the provider that speaks OAuth is like, in the words of a provider's file.
ACCESS = timedelta(hours=1)
IDLE = timedelta(days=2)
REUSE = timedelta(hours=8)
TOKEN_URL = "https://health.example/token"
ASK_URL = "https://health.example/introspect"
CONSENT_URL = "https://health.example/authorize"

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
ONE_DAY = timedelta(days=1)


class FakeProvider:
    """One provider with an account for each API key; every account has its own records."""

    def __init__(self, clock: Clock, dice: random.Random, *, records: int = 50) -> None:
        """An account begins with so many records."""
        self.clock = clock
        self.dice = dice
        self.records = records
        self.slips = 0.01  # how often a call gets lost
        self.refuses: Callable[[str], CallLost | None] = lambda _: None  # an account, and how
        self.accounts: dict[str, dict[int, dict[str, Any]]] = {}
        self.down_until: datetime | None = None
        self.empty_until: datetime | None = None
        self.mistreated: Counter[str] = Counter()
        self.calls = 0
        self.licensed: Callable[[str], bool] = lambda _: True
        self._open: Counter[str] = Counter()

    def account(self, key: str) -> dict[int, dict[str, Any]]:
        if key not in self.accounts:
            self.accounts[key] = {n: self._record(n) for n in range(self.records)}
        return self.accounts[key]

    def live(self) -> None:
        """Let an hour's worth happen to it: data changes, it may fall over or go blank."""
        self.change()
        if self.dice.random() < 0.02:
            self.down_until = self.clock.now() + timedelta(hours=self.dice.uniform(0.5, 8))
        if self.dice.random() < 0.01:
            self.empty_until = self.clock.now() + timedelta(hours=self.dice.uniform(1, 8))

    def change(self) -> None:
        """Let an hour's worth of records come, change and go."""
        for records in self.accounts.values():
            for _ in range(self.dice.randrange(4)):
                number = self.dice.randrange(self.records * 7 // 5)
                if self.dice.random() < 0.3:
                    records.pop(number, None)
                else:
                    records[number] = self._record(number)

    async def send(self, request: Request) -> Response:
        secret = request.secret_headers.get("x-api-key")
        if secret is None:
            self.mistreated["called without its key"] += 1
            raise CallLost(FailureClass.AUTH, "refused", status=401)
        key = secret.reveal()
        if not self.licensed(key):
            self.mistreated["called before the start of its sync was on disk"] += 1
        self.calls += 1
        self._open[key] += 1
        if self._open[key] > 1:
            self.mistreated["called twice at once for one account"] += 1
        try:
            await trio.sleep(self.dice.uniform(0.01, 20))
            return self._answer(key, request)
        finally:
            self._open[key] -= 1

    def _answer(self, key: str, request: Request) -> Response:
        now = self.clock.now()
        if self.down_until and now < self.down_until:
            raise CallLost(FailureClass.SERVER, "the provider failed (503)", status=503)
        if refused := self.refuses(key):
            raise refused
        if self.dice.random() < self.slips:
            raise CallLost(FailureClass.NETWORK, "the connection was lost")
        offset = int(request.params["offset"])
        blank = self.empty_until is not None and now < self.empty_until
        rows = [] if blank else sorted(self.account(key).values(), key=lambda row: row["id"])
        body = msgspec.json.encode({"rows": rows[offset : offset + PAGE]})
        return Response(status=200, headers={}, body=body, duration_ms=1)

    def _record(self, number: int) -> dict[str, Any]:
        return {"id": number, "value": self.dice.randrange(1000)}


class Sent(NamedTuple):
    """A refresh token that reached the server, and how that ended.

    `outcome` is renewed, refused or failed where an answer came; else unprocessed or unheard,
    which the client cannot tell from each other.
    """

    at: datetime
    account: str
    token: str
    outcome: str


@dataclass
class Pair:
    """A refresh token and when it was given; whether its answer came to somebody alive."""

    at: datetime
    refresh: str
    heard: bool = False
    good_until: datetime | None = None  # None: while it is the newest, and the grant lives


@dataclass
class Grant:
    """What one person's consent is worth: one refresh token that is good, and access tokens."""

    account: str
    pairs: list[Pair] = field(default_factory=list)
    accesses: dict[str, datetime] = field(default_factory=dict)
    dead: str = ""
    died_at: datetime | None = None

    def pair(self, refresh: str) -> Pair | None:
        return next((each for each in self.pairs if each.refresh == refresh), None)


class FakeAccounts:
    """A provider that speaks OAuth, over records that it hands out whole and day by day.

    Refresh tokens are good once and die of idleness; one that is used again after it was replaced
    ends the grant, except where `way` is reuse. Answers get lost, and both endpoints fall over.
    """

    def __init__(self, clock: Clock, dice: random.Random, way: str) -> None:
        self.clock = clock
        self.dice = dice
        self.way = way
        self.grants: list[Grant] = []
        self.ledger: list[Sent] = []
        self.disowned: dict[str, datetime] = {}  # tokens that it told us are used up, and when
        self.days: dict[str, dict[date, dict[str, dict[str, Any]]]] = {}
        self.mistreated: Counter[str] = Counter()
        self.down_until: datetime | None = None
        self.tokens_down_until: datetime | None = None
        self.calm = False
        self.deaf_to: set[str] = set()  # accounts whose next refresh gets lost on its way
        self.licensed: Callable[[str], bool] = lambda _: True
        self.sealed: Callable[[str, str], bool] = lambda *_: True
        self.alive: Callable[[], bool] = lambda: True
        self.excused: Callable[[], bool] = lambda: False
        self.strike: Callable[[], None] = lambda: None
        self._codes: dict[str, str] = {}
        self._count = itertools.count(1)
        self._open: Counter[str] = Counter()

    # What people do, and what happens to it.

    def consent(self, url: str, account: str) -> str:
        """Consent as a person: where the browser ends."""
        query = parse_qs(urlsplit(url).query)
        code = f"code{next(self._count)}"
        self._codes[code] = account
        return f"{query['redirect_uri'][0]}?code={code}&state={query['state'][0]}"

    def live(self) -> None:
        """Let an hour's worth happen to it."""
        today = self.clock.now().date()
        for days in self.days.values():
            for day in (today, today - ONE_DAY):
                if self.dice.random() < 0.3:
                    self._change(days, day)
        if self.dice.random() < 0.02:
            self.down_until = self.clock.now() + timedelta(hours=self.dice.uniform(0.5, 4))
        if self.dice.random() < 0.02:
            self.tokens_down_until = self.clock.now() + timedelta(hours=self.dice.uniform(0.2, 6))
        if self.dice.random() < 0.002 and self.grants:
            self._end(self.dice.choice(self.grants), "revoked")

    def pacify(self) -> None:
        """Fail no more."""
        self.down_until = self.tokens_down_until = None
        self.calm = True

    def grant(self, account: str, at: datetime) -> Grant | None:
        """The grant that an account had then, dead or alive."""
        given = [g for g in self.grants if g.account == account and g.pairs[0].at <= at]
        return given[-1] if given else None

    # What is asked of it.

    async def send_token(self, request: Request) -> Response:
        self._strike(0.03)
        await self._travel()
        now, down = self.clock.now(), self.tokens_down_until
        if not self.alive() and self.dice.random() < 0.5:
            raise CallLost(FailureClass.NETWORK, "it never left a host that died")
        if down and now < down and self.dice.random() < 0.3:
            raise CallLost(FailureClass.NETWORK, "nobody listens", sent=False)
        self._strike(0.03)
        if down and now < down:
            self._note(request, "failed")
            raise CallLost(FailureClass.SERVER, "the provider failed (503)", status=503)
        if self._slips(0.02) or self._is_deaf(request):
            self._note(request, "unprocessed")
            raise CallLost(FailureClass.NETWORK, "the connection broke")
        answer = self._judged(request)
        await self._travel()
        if isinstance(answer, CallLost):
            self._note(request, "refused" if self.alive() else "unheard")
            raise answer
        if self._slips(0.02):
            self._note(request, "unheard")
            if self.dice.random() < 0.3:
                return Response(status=200, headers={}, body=b'{"access_to', duration_ms=1)
            raise CallLost(FailureClass.TIMEOUT, "no answer came in time")
        if request.url == ASK_URL and not answer["active"]:
            self.disowned.setdefault(request.secret_form["token"].reveal(), self.clock.now())
        return self._heard(request, answer)

    async def send(self, request: Request) -> Response:
        secret = request.secret_headers.get("authorization")
        token = "" if secret is None else secret.reveal().removeprefix("Bearer ")
        grant = self._bearer(token)
        self._open[grant.account] += 1
        if self._open[grant.account] > 1:
            self.mistreated["called twice at once for one account"] += 1
        try:
            await trio.sleep(self.dice.uniform(0.01, 5))
            return self._records(grant, token, request)
        finally:
            self._open[grant.account] -= 1

    # How it thinks.

    def _judged(self, request: Request) -> CallLost | dict[str, Any]:
        """Process a request, whether its answer arrives or not."""
        assert request.form is not None
        form = {name: each.reveal() for name, each in request.secret_form.items()}
        now = self.clock.now()
        if request.url == ASK_URL:
            grant = self._holder(form["token"])
            self._tire(grant, now)
            return {"active": not grant.dead and grant.pairs[-1].refresh == form["token"]}
        if request.form["grant_type"] == "authorization_code":
            account = self._codes.pop(form["code"], None)
            if account is None:
                return _refusal()
            for each in self.grants:
                if each.account == account:
                    self._end(each, "replaced by another consent")
            self.grants.append(Grant(account=account))
            return self._pair(self.grants[-1], now)
        return self._refreshed(form["refresh_token"], now)

    def _refreshed(self, token: str, now: datetime) -> CallLost | dict[str, Any]:
        grant = self._holder(token)
        self._tire(grant, now)
        if grant.dead:
            return _refusal()
        pair = grant.pair(token)
        if pair is None or (pair.good_until is not None and pair.good_until <= now):
            self._end(grant, "an old token was used again")
            return _refusal()
        return self._pair(grant, now)

    def _pair(self, grant: Grant, now: datetime) -> dict[str, Any]:
        if grant.pairs and grant.pairs[-1].good_until is None:
            grant.pairs[-1].good_until = now + (REUSE if self.way == "reuse" else timedelta())
        number = next(self._count)
        grant.pairs.append(Pair(at=now, refresh=f"refresh {number}"))
        grant.accesses[f"access {number}"] = now + ACCESS
        return {
            "access_token": f"access {number}",
            "refresh_token": f"refresh {number}",
            "token_type": "Bearer",
            "expires_in": ACCESS // timedelta(seconds=1),
        }

    def _heard(self, request: Request, answer: dict[str, Any]) -> Response:
        """Hand an answer over to who waits for it, if anybody lives to do so."""
        if "refresh_token" in answer:
            heard = self.alive() and not self.excused()  # who cannot write it down may die with it
            self._note(request, "renewed" if heard else "unheard")
            pair = self._holder(answer["refresh_token"]).pair(answer["refresh_token"])
            assert pair is not None, "it has just been given"
            pair.heard = heard
            self._strike(0.05)
        body = msgspec.json.encode(answer)
        return Response(status=200, headers={}, body=body, duration_ms=1, size=len(body))

    def _records(self, grant: Grant, token: str, request: Request) -> Response:
        now = self.clock.now()
        if self.down_until and now < self.down_until:
            raise CallLost(FailureClass.SERVER, "the provider failed (503)", status=503)
        if self._slips(0.02):
            raise self._mishap()
        for pair in grant.pairs[:-1]:  # the new pair has been used: the old ones are dead for good
            pair.good_until = min(pair.good_until or now, now)
        rows: list[dict[str, Any]] = []
        if "day" in request.params:
            day = date.fromisoformat(request.params["day"])
            if not self._slips(0.01):
                rows = list(self.day(grant.account, day).values())
        else:
            rows = [{"id": grant.account}]
        body = msgspec.json.encode({"rows": rows})
        return Response(status=200, headers={}, body=body, duration_ms=1, size=len(body))

    def day(self, account: str, day: date) -> dict[str, dict[str, Any]]:
        days = self.days.setdefault(account, {})
        fresh = {f"{day} {n}": {"id": f"{day} {n}", "value": n} for n in range(2)}
        return days.setdefault(day, fresh)

    def _bearer(self, token: str) -> Grant:
        """Whose token it is. Raises CallLost where it is not good, or should not be used yet."""
        now = self.clock.now()
        if not token:
            self.mistreated["called without a token"] += 1
        for grant in self.grants:
            if token in grant.accesses:
                self._tire(grant, now)
                if now >= grant.accesses[token]:
                    self.mistreated["called with a token whose hour was over"] += 1
                if not self.sealed(grant.account, token):
                    self.mistreated["called with a token that was not on disk yet"] += 1
                if not self.licensed(grant.account):
                    self.mistreated["called before the start of its sync was on disk"] += 1
                if not grant.dead and not self._slips(0.01):
                    return grant
        raise CallLost(FailureClass.AUTH, "the provider refused our credential (401)", status=401)

    def _holder(self, token: str) -> Grant:
        found = [each for each in self.grants if each.pair(token)]
        return found[-1] if found else Grant(account="", dead="unknown")

    def _tire(self, grant: Grant, now: datetime) -> None:
        if grant.pairs and now - grant.pairs[-1].at > IDLE:
            self._end(grant, "idle", grant.pairs[-1].at + IDLE)

    def _end(self, grant: Grant, why: str, at: datetime | None = None) -> None:
        if not grant.dead:
            grant.dead, grant.died_at = why, at or self.clock.now()

    def _change(self, days: dict[date, dict[str, dict[str, Any]]], day: date) -> None:
        """Add a record, change one, or let one move over midnight; no day is emptied."""
        records = days.get(day)
        if not records:
            return
        if self.dice.random() < 0.5:
            number = self.dice.randrange(5)
            records[f"{day} {number}"] = {"id": f"{day} {number}", "value": self.dice.random()}
        elif len(records) > 1 and (after := days.get(day + ONE_DAY)) is not None:
            moved = self.dice.choice(sorted(records))
            after[moved] = records.pop(moved)

    def _is_deaf(self, request: Request) -> bool:
        token = request.secret_form.get("refresh_token")
        account = self._holder(token.reveal()).account if token is not None else ""
        if account not in self.deaf_to:
            return False
        self.deaf_to.discard(account)
        return True

    def _note(self, request: Request, outcome: str) -> None:
        token = request.secret_form.get("refresh_token")
        if token is not None:
            account = self._holder(token.reveal()).account
            self.ledger.append(Sent(self.clock.now(), account, token.reveal(), outcome))

    def _mishap(self) -> CallLost:
        return self.dice.choice(
            [
                CallLost(FailureClass.NETWORK, "the connection was lost"),
                CallLost(FailureClass.SERVER, "the provider failed (500)", status=500),
                CallLost(
                    FailureClass.RATE_LIMITED, "fewer", status=429, retry_after=timedelta(minutes=9)
                ),
            ]
        )

    def _slips(self, chance: float) -> bool:
        return not self.calm and self.dice.random() < chance

    def _strike(self, chance: float) -> None:
        """At the worst of moments the host dies."""
        if self._slips(chance):
            self.strike()

    async def _travel(self) -> None:
        await trio.sleep(self.dice.uniform(0.01, 3))


def _refusal() -> CallLost:
    return CallLost(
        FailureClass.INVALID, "refused", status=400, refusal=b'{"error": "invalid_grant"}'
    )
