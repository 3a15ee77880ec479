"""How do programs call a provider through us?"""

import base64
import math
from datetime import datetime

from daemon.control.desk import Desk, Refused
from daemon.control.gateway_messages import RequestAnswer, RequestWish
from daemon.decide.calling import Held
from daemon.exchange import CallLost
from daemon.failures import NEXT_SYNC
from daemon.gateway.asking import Wish
from daemon.gateway.call import HeldBack
from daemon.gateway.outbox import NotQueued, Queued
from events.gateway import CallKind
from events.terms import Caller, FailureClass, SkipReason

HELD = {
    SkipReason.PAUSED: ("paused", "is paused; `rounds resume {name}` lets it go on"),
    SkipReason.NOT_AUTHORISED: (
        "not-authorised",
        "waits to be authorised; type: rounds connection authorize {name}",
    ),
    SkipReason.BREAKER: (
        "breaker",
        "stands behind an open breaker; `rounds breaker list` shows it",
    ),
}
ACCEPTED = 202  # it is on disk, and its outcome is yet to come
PROBLEMS = {
    FailureClass.RATE_LIMITED: "limited",
    FailureClass.TIMEOUT: "timed-out",
    FailureClass.CANCELLED: "timed-out",
}
"""How a call that brought no answer is called; the others are the provider's."""


async def request(desk: Desk, wish: RequestWish, by: Caller) -> RequestAnswer:
    subject, _ = desk.find(wish.connection)
    asked = Wish(
        method=wish.method,
        path=wish.path,
        headers=wish.headers,
        body=None if wish.body is None else wish.body.encode(),
        kind=CallKind(wish.kind) if wish.kind else None,
        key=wish.key,
        timeout_s=wish.timeout_s,
        fresh=wish.fresh,
    )
    try:
        way = desk.outbox if wish.queue else desk.gateway
        answer = await way.call(subject, asked, by)
    except NotQueued as refused:
        raise Refused(refused.code, refused.message) from None
    except HeldBack as back:
        raise _held(wish.connection, back.held, desk.journal.clock.now()) from None
    except CallLost as lost:
        code = PROBLEMS.get(lost.cause, "provider" if lost.sent else "invalid")
        message = lost.message.removesuffix(NEXT_SYNC)
        raise Refused(code, message, retry_after=lost.retry_after) from None
    if isinstance(answer, Queued):
        return RequestAnswer(
            seq=desk.journal.head.seq,
            status=ACCEPTED,
            headers={},
            body=None,
            source="outbox",
            attempts=0,
            write=answer.write,
        )
    brought = answer.brought
    text = _text(brought.body)
    return RequestAnswer(
        seq=desk.journal.head.seq,
        status=brought.status,
        headers=dict(brought.headers),
        body=text,
        body_base64=None if text is not None else base64.b64encode(brought.body).decode(),
        source=brought.source.value,
        age_s=None if brought.age is None else brought.age.total_seconds(),
        stale=brought.stale,
        why=brought.why,
        attempts=brought.attempts,
        duration_ms=answer.duration_ms,
        cause=answer.cause,
        message=answer.message,
    )


def _held(name: str, held: Held, now: datetime) -> Refused:
    code, why = HELD[held.reason]
    left_s = math.ceil((held.until - now).total_seconds()) if held.until else 0
    soon = f"; it lets a call through in {left_s} s" if left_s > 0 else ""
    return Refused(code, f"nothing was sent: {name} {why.format(name=name)}{soon}")


def _text(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None
