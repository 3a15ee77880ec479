"""Is a call made once more when it fails? As `decide` says, within its deadline."""

from collections.abc import Callable
from datetime import timedelta

import structlog
import trio
from msgspec.structs import replace

from daemon.decide import calling, fate
from daemon.exchange import CallLost
from daemon.gateway.call import Brought, Call, Exchange, HeldBack, loss_of
from daemon.journal import Journal
from events.terms import FailureClass

log = structlog.get_logger()


class Retrying:
    """`chance` draws from [0, 1), for the rest before the next attempt."""

    def __init__(self, inner: Exchange, journal: Journal, chance: Callable[[], float]) -> None:
        self._inner = inner
        self._journal = journal
        self._chance = chance

    async def __call__(self, call: Call) -> Brought:
        """What an attempt came to that had its time counts for more than one that had not.

        And none makes forget that an earlier one may have arrived.
        """
        first: CallLost | None = None
        while True:
            try:
                brought = await self._inner(call)
            except HeldBack:
                if first is None:
                    raise
                rest, lost = None, first
            except CallLost as loss:
                lost = first if first and _was_held(loss, call) else loss
                lost.attempts = call.attempt if lost is loss or loss.sent else call.attempt - 1
                others = [each for each in (first, loss) if each and each is not lost]
                lost.doubted = lost.doubted or any(map(_may_have_arrived, others))
                rest = self._rest(call, loss)
            else:
                return replace(brought, attempts=call.attempt)
            if rest is None:
                raise lost
            first = lost
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


def _may_have_arrived(lost: CallLost) -> bool:
    """Whether this attempt, or one before it, did: for all that we know."""
    return lost.doubted or not fate.not_taken(loss_of(lost))


def _was_held(lost: CallLost, call: Call) -> bool:
    """Whether we did not let it go, or its connection did not; or its deadline cut it off.

    Of a write that must not be repeated it is told if it had left by then.
    """
    if lost.cause is FailureClass.CANCELLED:
        return not lost.sent or call.repeatable
    return lost.was_kept
