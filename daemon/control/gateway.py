"""How do programs call a provider through us?"""

import base64
from datetime import timedelta

from daemon import retirement_words
from daemon.control.desk import Desk, Refused, seconds
from daemon.control.gateway_messages import CONTENT_BYTES_MAX, RequestAnswer, RequestWish
from daemon.decide import retirement
from daemon.decide.calling import Held
from daemon.exchange import CallLost
from daemon.gateway.asking import Wish
from daemon.gateway.call import HeldBack
from daemon.gateway.gateway import Answer
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
QUEUED = (
    "queued as write {write}: it is on disk, and delivered, after those before it, once its "
    "provider takes it; `rounds outbox show {write}` says how it stands"
)
TWO_BODIES = "nothing was sent: give the body as text (body) or as bytes (body_base64), not as both"
TOO_LARGE = f"nothing was sent: a body has at most {CONTENT_BYTES_MAX:,} bytes, and this one {{:,}}"
AGAIN = "{}; come back in {} s"
ACCEPTED = 202  # it is on disk, and its outcome is yet to come
PROBLEMS = {
    FailureClass.RATE_LIMITED: "limited",
    FailureClass.TIMEOUT: "timed-out",
    FailureClass.CANCELLED: "timed-out",
}
"""How a call that brought no answer is called; the others are the provider's."""
NEVER_SENT = {FailureClass.INVALID: "invalid", FailureClass.AUTH: "not-authorised"}
"""How it is called where nothing was sent."""


async def request(desk: Desk, wish: RequestWish, by: Caller) -> RequestAnswer:
    subject, _ = desk.find(wish.connection)
    asked = Wish(
        method=wish.method,
        path=wish.path,
        headers=wish.headers,
        body=_content(wish),
        kind=CallKind(wish.kind) if wish.kind else None,
        key=wish.key,
        timeout_s=wish.timeout_s,
        fresh=wish.fresh,
    )
    try:
        answer = await desk.outbox.call(subject, asked, by, queue=wish.queue)
    except NotQueued as refused:
        raise Refused(refused.code, refused.message) from None
    except HeldBack as back:
        raise _held(desk, subject, wish.connection, back.held) from None
    except CallLost as lost:
        raise Refused(_problem(lost), lost.message, retry_after=lost.retry_after) from None
    if isinstance(answer, Queued):
        return RequestAnswer(
            seq=desk.journal.head.seq,
            status=ACCEPTED,
            headers={},
            body=None,
            source="outbox",
            attempts=0,
            message=QUEUED.format(write=answer.write),
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
        message=_message(desk, subject, wish.connection, answer),
        retry_after_s=None if answer.retry_after is None else seconds(answer.retry_after),
    )


def _problem(lost: CallLost) -> str:
    """How a call is called that brought no answer of its provider's."""
    if not lost.sent and lost.cause in NEVER_SENT:
        return NEVER_SENT[lost.cause]
    return PROBLEMS.get(lost.cause, "provider")


def _content(wish: RequestWish) -> bytes | None:
    """The bytes to be sent. Raises Refused."""
    if wish.body is not None and wish.body_base64 is not None:
        raise Refused("invalid", TWO_BODIES)
    content = wish.body_base64 if wish.body is None else wish.body.encode()
    if content is not None and len(content) > CONTENT_BYTES_MAX:
        raise Refused("too-large", TOO_LARGE.format(len(content)))
    return content


def _held(desk: Desk, subject: int, name: str, held: Held) -> Refused:
    code, why = HELD[held.reason]
    if held.retired:
        successor = retirement.successor(subject, desk.journal.world)
        return Refused(code, f"nothing was sent: {retirement_words.shut(name, successor)}")
    left = held.until - desk.journal.clock.now() if held.until else None
    if left is None or left <= timedelta(0):
        return Refused(code, f"nothing was sent: {name} {why.format(name=name)}")
    soon = f"it lets a call through in {seconds(left)} s"
    words = f"nothing was sent: {name} {why.format(name=name)}; {soon}"
    return Refused(code, words, retry_after=left)


def _message(desk: Desk, subject: int, name: str, answer: Answer) -> str:
    """What is wrong, and when it may pass.

    A program that finds one thing gone is not told what a connection is whose syncs do.
    """
    if answer.cause is not FailureClass.RETIRED:
        rest = answer.retry_after
        return answer.message if rest is None else AGAIN.format(answer.message, seconds(rest))
    at = desk.journal.world.connections[subject].provider
    file, today = desk.configuration.providers.get(desk.vault.name(at)), desk.journal.clock.now()
    if file is None:
        return retirement_words.gone_here(name, None, None)
    is_off = retirement_words.is_off(file.retired, today.date())
    off = retirement_words.off(file.retired, today.date()) if is_off else None
    return retirement_words.gone_here(name, off, file.successor)


def _text(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None
