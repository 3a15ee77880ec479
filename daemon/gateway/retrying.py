"""Is a call made once more when it fails? As `decide` says, within its deadline."""

from collections.abc import Callable
from datetime import timedelta

import structlog
import trio
from msgspec.structs import replace

from daemon.decide import calling
from daemon.exchange import CallLost
from daemon.gateway.call import Brought, Call, Exchange
from daemon.journal import Journal

log = structlog.get_logger()


class Retrying:
    """`chance` draws from [0, 1), for the rest before the next attempt."""

    def __init__(self, inner: Exchange, journal: Journal, chance: Callable[[], float]) -> None:
        self._inner = inner
        self._journal = journal
        self._chance = chance

    async def __call__(self, call: Call) -> Brought:
        while True:
            try:
                brought = await self._inner(call)
            except CallLost as lost:
                lost.attempts = call.attempt
                rest = self._rest(call, lost)
                if rest is None:
                    raise
            else:
                return replace(brought, attempts=call.attempt)
            log.info(
                "call-again",
                subject=call.subject,
                endpoint=call.request.endpoint,
                rest_s=rest.total_seconds(),
            )
            await trio.sleep(rest.total_seconds())
            call = replace(call, attempt=call.attempt + 1)

    def _rest(self, call: Call, lost: CallLost) -> timedelta | None:
        failed = calling.Lost(
            cause=lost.cause,
            attempt=call.attempt,
            left=timedelta(seconds=call.left_s()),
            repeatable=call.repeatable,
            sent=lost.sent,
            retry_after=lost.retry_after,
        )
        world, now = self._journal.world, self._journal.clock.now()
        return calling.again(failed, call.subject, world, now, jitter=self._chance())
