"""What does an OAuth server's answer mean? RFC 6749, sections 5.1 and 5.2; RFC 7662, 2.2."""

import re
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from daemon import answers, exchange, json_answer, selector
from daemon.auth_file import OAuth2
from daemon.commands import LoseRefresh
from daemon.decide.tokens import DEAD
from daemon.exchange import CallLost, Response
from daemon.provider_file import AnswerErrors
from daemon.secret import Secret
from events.terms import FailureClass

REGISTERED = frozenset(
    {
        "access_denied",
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_scope",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unsupported_grant_type",
    }
)
"""Error codes that an event may hold: a provider's own words stand nowhere."""

_SENTENCES = {
    DEAD: "the provider does not honour this authorisation, or no longer (invalid_grant)",
    "invalid_client": (
        "the provider does not accept our application's id and secret (invalid_client); set them "
        "with `rounds provider client`"
    ),
    "unauthorized_client": (
        "the provider does not allow our application this kind of grant (unauthorized_client); "
        "check how it is registered there"
    ),
    "invalid_scope": (
        "the provider does not grant these scopes (invalid_scope); check auth.scopes in its file"
    ),
}

GATEWAYS = frozenset({502, 504, 520, 522, 524})  # who answers is not who was asked
TOKEN_MAX = 16 * 1024  # characters; JSON Web Tokens with many claims reach some thousands
ACCESS_MAX = timedelta(days=3650)
PRINTABLE = re.compile(r"[\x20-\x7e]+")  # appendix A: VSCHAR


class Tokens(Struct, frozen=True, kw_only=True):
    """What a token endpoint gave. `refresh` is None where it gave none: an old one stays."""

    access: Secret
    refresh: Secret | None
    expires_at: datetime


class TokenLost(Exception):
    """No usable tokens came. `error` is DEAD where the grant itself is refused, for good.

    `sent` says that the refresh token may have been used up all the same.
    """

    def __init__(self, lost: CallLost, *, sent: bool, error: str = "") -> None:
        super().__init__(lost.message)
        self.lost = lost
        self.sent = sent
        self.error = error

    def wish(self, subject: int, sync: int | None) -> LoseRefresh:
        """As it is to be recorded of the connection."""
        return LoseRefresh(
            subject=subject,
            cause=self.lost.cause,
            message=f"no token came: {self.lost.message}",
            sent=self.sent,
            status=self.lost.status,
            error=self.error,
            retry_after=self.lost.retry_after,
            sync=sync,
        )


def read(
    auth: OAuth2, errors: AnswerErrors | None, response: Response, asked_at: datetime
) -> Tokens:
    """Return the tokens of a 2xx answer. Raises TokenLost."""
    document = _json(response.body)
    cause = _cause_inside(errors, document)
    tokens = _tokens(auth, document, asked_at) if cause is None else None
    if tokens is not None:
        return tokens
    if cause is not None or _code(auth, document) is not None:
        message = "the token endpoint reported an error in an answer that came as good"
        known = cause or FailureClass.INVALID
        wait = answers.wait(errors, known, document) if errors else None
        raise _refused(auth, document, exchange.lost(response, known, message, wait))
    message = (
        "the token endpoint's answer holds no bearer token that could be used;"
        " check auth.answer in the provider's file"
    )
    raise TokenLost(exchange.malformed(response, message), sent=True)


def refused(auth: OAuth2, lost: CallLost) -> TokenLost:
    """Say what a call that brought no usable 2xx means for the refresh token.

    A refusal, and a server that says that it failed, did not use it up. Silence, a good answer that
    came damaged, and a gateway that gave up leave it in doubt: it may have been replaced behind
    them. None of these asks for a person (requirement C3).
    """
    if lost.status is None:
        return TokenLost(lost, sent=lost.sent)
    if lost.status < 300 or lost.status in GATEWAYS:
        return TokenLost(lost, sent=True)
    return _refused(auth, _json(lost.refusal), lost)


def is_active(response: Response) -> bool | None:
    """Return what an introspection says; None where it says nothing."""
    document = _json(response.body)
    active = document.get("active") if isinstance(document, dict) else None
    return active if isinstance(active, bool) else None


def _json(body: bytes) -> Any:
    try:
        return json_answer.decode(body)
    except json_answer.NotJson:
        return None


def _selected(expression: str, document: Any) -> Any:
    try:
        return selector.select(expression, document)
    except selector.BadExpression:
        return None


def _code(auth: OAuth2, document: Any) -> Any:
    """Return the error code in an answer, if it is a scalar."""
    code = _selected(auth.error, document) if document is not None else None
    return code if isinstance(code, str | int) else None


def _cause_inside(errors: AnswerErrors | None, document: Any) -> FailureClass | None:
    if errors is None:
        return None
    return answers.meaning(errors, _selected(errors.path, document))


def _refused(auth: OAuth2, document: Any, lost: CallLost) -> TokenLost:
    code = _code(auth, document)
    error = DEAD if code in auth.dead else str(code) if code in REGISTERED else ""
    cause = FailureClass.AUTH if error in _SENTENCES else lost.cause
    plain = lost.message
    if lost.cause in (FailureClass.INVALID, FailureClass.AUTH, FailureClass.NOT_FOUND):
        plain = (
            f"the token endpoint refused the request ({lost.status}); check auth in the provider's "
            "file, and how our application is registered there"
        )
    loss = lost.reworded(cause, _SENTENCES.get(error, plain))
    return TokenLost(loss, sent=False, error=error)


def _tokens(auth: OAuth2, document: Any, asked_at: datetime) -> Tokens | None:
    found = _selected(auth.answer, document)
    if not isinstance(found, dict):
        return None
    access, refresh = _token(found.get("access_token")), _token(found.get("refresh_token"))
    kind, seconds = found.get("token_type") or "bearer", found.get("expires_in")
    if access is None or not isinstance(kind, str) or kind.lower() != "bearer":
        return None
    if refresh is None and found.get("refresh_token"):
        return None  # it was replaced by one that we cannot use: the old one would not do either
    return Tokens(access=access, refresh=refresh, expires_at=asked_at + _lifetime(auth, seconds))


def _token(value: Any) -> Secret | None:
    if not isinstance(value, str) or len(value) > TOKEN_MAX or not PRINTABLE.fullmatch(value):
        return None
    return Secret(value)


def _lifetime(auth: OAuth2, seconds: Any) -> timedelta:
    """Read `expires_in`; some servers write it as text, or not at all."""
    if isinstance(seconds, str) and re.fullmatch(r"[0-9]{1,10}", seconds):
        seconds = int(seconds)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds <= 0:
        seconds = auth.access_s
    return min(timedelta(seconds=min(seconds, ACCESS_MAX.total_seconds())), ACCESS_MAX)
