"""Does a kept answer do? The outermost layer: as `decide` says, it gives, asks anew, falls back.

              FRESH: given
find ─► use ─ STALE: given, and asked anew behind the caller's back
              OLD:   asked anew, if-none-match ─► not to be had soon ─► given, with its age
"""

import math
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from urllib.parse import unquote

import structlog
import trio
from msgspec import Struct
from msgspec.structs import replace

from daemon import cache_headers
from daemon.cache.cache import Cache
from daemon.cache.shelf import Kept, Label
from daemon.decide import caching, calling
from daemon.decide.caching import Rules, Use
from daemon.endpoint_file import Endpoint
from daemon.exchange import UNCHANGED, CallLost
from daemon.gateway import excuses, keeping
from daemon.gateway.call import Brought, Call, Exchange, HeldBack, Source, anew
from daemon.gateway.sending import as_program
from daemon.journal import Journal
from daemon.limiter import Limiter
from daemon.purses import Asking
from daemon.under_way import UnderWay
from events.gateway import CallKind
from events.terms import FailureClass

RENEWALS_MAX = 64  # answers asked anew at once behind their callers' backs

log = structlog.get_logger()


class _Renewal(Struct, kw_only=True, eq=False):
    """Somebody asks anew; what came of it is there when it is `done`."""

    connection: int
    done: trio.Event
    brought: Brought | None = None
    lost: HeldBack | CallLost | None = None


class Caching:
    """Renewals run in the nursery."""

    def __init__(
        self,
        inner: Exchange,
        journal: Journal,
        limiter: Limiter,
        cache: Cache,
        nursery: trio.Nursery,
    ) -> None:
        self._inner = inner
        self._journal = journal
        self._limiter = limiter
        self._cache = cache
        self._nursery = nursery
        self._renewing: dict[bytes, _Renewal] = {}
        self._renewals = UnderWay()
        self._changes = Counter[int]()  # how many changes began, by connection
        self._changing = UnderWay()

    async def __call__(self, call: Call) -> Brought:
        if call.kind is not CallKind.READ:
            return await self._change(call)
        if not call.only_asks or not call.endpoint.cached or call.request.is_conditional:
            return await self._inner(call)
        key = keeping.key(call)
        label = self._cache.find(key)
        found = self._use(label)
        if label is None or found is Use.NONE or call.fresh:
            return await self._asked(call, key)
        if found is Use.OLD:
            return await self._old(call, key)
        kept = await self._cache.read(key)
        if kept is None:
            return await self._asked(call, key)
        if found is Use.STALE:
            self._renew(call, key)
        return self._given(label, kept, found)

    async def _old(self, call: Call, key: bytes) -> Brought:
        """Ask anew, with some patience, and with none where that is a breaker's probe."""
        world, now = self._journal.world, self._journal.clock.now()
        if held := calling.held(call.subject, world, now):
            return await self._instead(call, key, HeldBack(held))
        renewal = self._renew(call, key)
        if renewal is None:
            return await self._asked(call, key)
        patience_s = caching.patience(
            min(call.endpoint.patience_s, call.left_s()),
            turn_in_s=self._turn_in_s(call),
            probes=bool(calling.probes(call.subject, world, now)),
        )
        with trio.move_on_after(patience_s):
            await renewal.done.wait()
        if renewal.brought is not None:
            return renewal.brought
        return await self._instead(call, key, renewal.lost or self._waits(call))

    def _turn_in_s(self, call: Call) -> float:
        """How long the limits keep it, at the least."""
        asking = Asking(subject=call.subject, reads=True, program=as_program(call))
        return self._limiter.opens_in(asking).total_seconds()

    def _waits(self, call: Call) -> CallLost:
        """What is wrong with a call that is under way for longer than its caller has patience."""
        wait_s, now = self._turn_in_s(call), self._journal.clock.now()
        if not wait_s:
            return CallLost(FailureClass.TIMEOUT, excuses.SLOW)
        return CallLost(
            FailureClass.RATE_LIMITED,
            excuses.waits(call.subject, self._journal.world, now),
            retry_after=timedelta(seconds=math.ceil(wait_s)),
            sent=False,
            attempts=0,
        )

    async def _change(self, call: Call) -> Brought:
        """What it may change is in doubt before it leaves, durably, and what is read meanwhile."""
        async with self.changing(call.subject, call.path):
            return await self._inner(call)

    @asynccontextmanager
    async def changing(self, connection: int, path: str) -> AsyncIterator[None]:
        """Pass nothing off as good that may be touched by a change which leaves inside.

        That is on disk before: no crash makes what was read earlier as good as new again.
        """
        self._changes[connection] += 1
        with self._changing.one(connection):
            try:
                self._doubt(connection, path)
                await self._cache.flush()
                yield
            finally:
                self._doubt(connection, path)

    def _doubt(self, connection: int, path: str) -> None:
        """Also whoever reads from now on does not share with those who did before."""
        self._cache.doubt(connection, unquote(path))
        for key in [key for key, each in self._renewing.items() if each.connection == connection]:
            del self._renewing[key]

    def is_renewing(self, connection: int) -> bool:
        return self._renewals.of(connection) > 0

    def _now(self) -> datetime:
        """No step of the clock makes anything younger, or older."""
        return self._journal.moment().steady

    def _use(self, label: Label | None) -> Use:
        if label is None:
            return Use.NONE
        return caching.use(label.lifetime, label.at, self._now(), doubted=label.doubted)

    async def _asked(self, call: Call, key: bytes) -> Brought:
        """Ask the provider: whether the kept answer is still good, where there is one."""
        changes, changing = self._changes[call.subject], self._changing.of(call.subject)
        label, asked_at = self._cache.find(key), self._now()
        try:
            brought = await self._inner(keeping.conditional(call, label))
        except CallLost as lost:
            if lost.cause is FailureClass.NOT_FOUND:
                self._cache.drop([key])
            raise
        unchanged = brought.status == UNCHANGED and not call.fresh
        kept = await self._cache.read(key) if unchanged else None
        label = self._cache.find(key)  # after that: it is of the very answer that was read
        sound = not changing and changes == self._changes[call.subject]
        if not unchanged:
            if sound or label is None or label.at <= asked_at:
                self._keep(call, key, brought, sound=sound)
            return brought
        if label is None or kept is None:  # it was given up meanwhile
            return await self._asked(replace(call, fresh=True), key)
        said = cache_headers.read(brought.headers)
        lifetime = caching.renewed(label.lifetime, said, _rules(call.endpoint))
        if lifetime is None:
            self._cache.drop([key])
        else:
            at = self._now()
            self._cache.relabel(replace(label, at=at, lifetime=lifetime, doubted=not sound))
        return Brought(
            status=caching.KEPT_STATUS,
            headers=kept.headers,
            body=kept.body,
            source=Source.CACHE,
            attempts=brought.attempts,
            age=timedelta(),
        )

    def _keep(self, call: Call, key: bytes, brought: Brought, *, sound: bool) -> None:
        said = cache_headers.read(brought.headers)
        lifetime = caching.lifetime(brought.status, said, _rules(call.endpoint))
        if lifetime is None or not call.is_of(self._journal.world):
            self._cache.drop([key])
            return
        label = Label(
            key=key,
            tenant=call.tenant,
            connection=call.subject,
            endpoint=call.request.endpoint,
            path=unquote(call.path),
            at=self._now(),
            lifetime=lifetime,
            size=len(brought.body),
            etag=keeping.sendable(brought.headers.get("etag")),
            last_modified=keeping.sendable(brought.headers.get("last-modified")),
            doubted=not sound,
        )
        self._cache.put(label, Kept(headers=keeping.shown(brought.headers), body=brought.body))

    async def _instead(self, call: Call, key: bytes, why: HeldBack | CallLost) -> Brought:
        """The kept answer, where that is better than none. Raises what is wrong, else."""
        reason = why.held if isinstance(why, HeldBack) else why.cause
        label = self._cache.find(key)
        found = self._use(label)
        kept = await self._cache.read(key) if caching.falls_back(found, reason) else None
        if label is None or kept is None:
            raise anew(why)
        attempts = 0 if isinstance(why, HeldBack) else why.attempts
        words = excuses.excuse(why, call.subject, self._journal.world, self._journal.clock.now())
        given = self._given(label, kept, found)
        return replace(given, stale=True, attempts=attempts, why=words)

    def _given(self, label: Label, kept: Kept, found: Use) -> Brought:
        return Brought(
            status=caching.KEPT_STATUS,
            headers=kept.headers,
            body=kept.body,
            source=Source.CACHE,
            attempts=0,
            age=max(timedelta(), self._now() - label.at),
            stale=found is not Use.FRESH,
        )

    def _renew(self, call: Call, key: bytes) -> "_Renewal | None":
        """Have somebody ask anew whom no caller's end ends; None where there are too many."""
        if (under_way := self._renewing.get(key)) is not None:
            return under_way
        if self._renewals.total() >= RENEWALS_MAX:
            return None
        renewal = _Renewal(connection=call.subject, done=trio.Event())
        self._renewing[key] = renewal
        self._renewals.begin(call.subject)
        deadline = trio.current_time() + max(call.left_s(), call.way.file.limits.timeout_s)
        self._nursery.start_soon(self._renewed, replace(call, deadline=deadline), key, renewal)
        return renewal

    async def _renewed(self, call: Call, key: bytes, renewal: "_Renewal") -> None:
        try:
            renewal.brought = await self._asked(call, key)
        except (CallLost, HeldBack) as why:
            renewal.lost = why
        except Exception:
            log.exception("renewal-failed", subject=call.subject)
        finally:
            if self._renewing.get(key) is renewal:
                del self._renewing[key]
            self._renewals.end(call.subject)
            renewal.done.set()


def _rules(endpoint: Endpoint) -> Rules:
    return Rules(
        cached=endpoint.cached,
        fresh=_time(endpoint.fresh_s),
        while_revalidate=_time(endpoint.stale_while_revalidate_s),
        if_error=_time(endpoint.stale_if_error_s),
    )


def _time(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
