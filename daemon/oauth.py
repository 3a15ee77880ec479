"""What is said to an OAuth server, and what does its answer mean?

RFC 6749, with PKCE (RFC 7636) and introspection (RFC 7662). Nothing here waits or remembers.
"""

import base64
import hashlib
import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote_plus, urlencode

import msgspec
from msgspec import Struct

from daemon import answers, selector
from daemon.auth_file import OAuth2
from daemon.exchange import CallLost, Request, Response
from daemon.provider_file import AnswerErrors
from daemon.secret import Secret
from events.terms import FailureClass

DEAD = "invalid_grant"  # section 5.2: unknown, expired, revoked or used already
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

TOKEN_MAX = 16 * 1024  # characters; JSON Web Tokens with many claims reach some thousands
ACCESS_MAX = timedelta(days=3650)
PRINTABLE = re.compile(r"[\x20-\x7e]+")  # appendix A: VSCHAR

REFRESH_ENDPOINT = "POST token (refresh)"
CODE_ENDPOINT = "POST token (code)"
CLIENT_ENDPOINT = "POST token (client credentials)"
INTROSPECT_ENDPOINT = "POST introspect"


class Client(Struct, frozen=True, kw_only=True):
    """The application's own identity at a provider; a public one has no secret."""

    id: str
    secret: Secret | None


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


def client_of(text: Secret) -> Client:
    """Read `id:secret`, or an id alone."""
    name, colon, secret = text.reveal().partition(":")
    return Client(id=name, secret=Secret(secret) if colon else None)


def refresh_request(auth: OAuth2, url: str, client: Client, token: Secret) -> Request:
    """Ask for a new pair. Section 6."""
    request = _request(auth, url, REFRESH_ENDPOINT, client, {"grant_type": "refresh_token"})
    return _with(request, refresh_token=token)


def credentials_request(auth: OAuth2, url: str, client: Client) -> Request:
    """Ask for an access token for the application itself. Section 4.4."""
    form = {"grant_type": "client_credentials"}
    if auth.scopes:
        form["scope"] = auth.scope_separator.join(auth.scopes)
    return _request(auth, url, CLIENT_ENDPOINT, client, form)


def code_request(
    auth: OAuth2, url: str, client: Client, *, code: Secret, redirect_uri: str, verifier: Secret
) -> Request:
    """Exchange what the browser brought back. Section 4.1.3; RFC 7636, section 4.5."""
    form = {"grant_type": "authorization_code", "redirect_uri": redirect_uri}
    request = _with(_request(auth, url, CODE_ENDPOINT, client, form), code=code)
    return _with(request, code_verifier=verifier) if auth.pkce else request


def introspect_request(auth: OAuth2, url: str, client: Client, token: Secret) -> Request:
    """Ask whether a token is still good, without using it. RFC 7662, section 2.1."""
    form: dict[str, str] = {"token_type_hint": auth.introspects}
    request = _request(auth, url, INTROSPECT_ENDPOINT, client, form, own=False)
    return _with(request, token=token)


def authorize_url(
    auth: OAuth2, url: str, client: Client, *, redirect_uri: str, state: str, verifier: str
) -> str:
    """Return where a person must go to consent. Section 4.1.1."""
    query = {
        "response_type": "code",
        "client_id": client.id,
        "redirect_uri": redirect_uri,
        "state": state,
        **({"scope": auth.scope_separator.join(auth.scopes)} if auth.scopes else {}),
        **(_challenge(verifier) if auth.pkce else {}),
        **auth.authorize_params,
    }
    return f"{url}?{urlencode(query)}"


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
        lost = _lost(response, cause or FailureClass.INVALID, message)
        if errors is not None:
            lost.retry_after = answers.wait(errors, lost.cause, document)
        raise _refused(auth, document, lost)
    message = (
        "the token endpoint's answer holds no bearer token that could be used;"
        " check auth.answer in the provider's file"
    )
    raise TokenLost(_lost(response, FailureClass.MALFORMED, message), sent=True)


def refused(auth: OAuth2, lost: CallLost) -> TokenLost:
    """Say what a call that brought no 2xx means for the refresh token.

    An answer that came whole did not use it up, whatever it says (requirement C3: a server that
    fails is not a refusal); only silence leaves it in doubt.
    """
    if lost.status is None:
        return TokenLost(lost, sent=lost.sent)
    return _refused(auth, _json(lost.refusal), lost)


def is_active(response: Response) -> bool | None:
    """Return what an introspection says; None where it says nothing."""
    document = _json(response.body)
    active = document.get("active") if isinstance(document, dict) else None
    return active if isinstance(active, bool) else None


def fingerprint(token: Secret | None, key: bytes) -> str:
    """Return by what a refresh token is told from another; it says nothing to who lacks the key."""
    if token is None:
        return ""
    return hashlib.blake2b(token.reveal().encode(), key=key, digest_size=8).hexdigest()


def _request(
    auth: OAuth2,
    url: str,
    endpoint: str,
    client: Client,
    form: dict[str, str],
    *,
    own: bool = True,
) -> Request:
    """Build a form with the client in it, or beside it; `own` adds the file's parameters."""
    secret_headers, secret_form = {}, {}
    if auth.client == "basic" and client.secret is not None:
        pair = f"{quote_plus(client.id)}:{quote_plus(client.secret.reveal())}"  # section 2.3.1
        encoded = base64.b64encode(pair.encode()).decode()
        secret_headers["authorization"] = Secret(f"Basic {encoded}")
    else:
        form = {**form, "client_id": client.id}
        if client.secret is not None and auth.client == "body":
            secret_form["client_secret"] = client.secret
    return Request(
        method="POST",
        url=url,
        endpoint=endpoint,
        stream="",
        headers={"accept": "application/json"},
        form={**form, **(auth.token_params if own else {})},
        secret_headers=secret_headers,
        secret_form=secret_form,
        keeps_refusal=True,
    )


def _with(request: Request, **secrets: Secret) -> Request:
    return msgspec.structs.replace(request, secret_form={**request.secret_form, **secrets})


def _challenge(verifier: str) -> dict[str, str]:
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return {"code_challenge": challenge, "code_challenge_method": "S256"}


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
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


def _lost(response: Response, cause: FailureClass, message: str) -> CallLost:
    return CallLost(
        cause,
        message,
        status=response.status,
        duration_ms=response.duration_ms,
        bytes=response.size,
    )


def _refused(auth: OAuth2, document: Any, lost: CallLost) -> TokenLost:
    code = _code(auth, document)
    if code is not None and code in auth.dead:
        return TokenLost(lost, sent=False, error=DEAD)
    return TokenLost(lost, sent=False, error=str(code) if code in REGISTERED else "")


def _tokens(auth: OAuth2, document: Any, asked_at: datetime) -> Tokens | None:
    found = _selected(auth.answer, document)
    if not isinstance(found, dict):
        return None
    access, refresh = _token(found.get("access_token")), _token(found.get("refresh_token"))
    kind, seconds = found.get("token_type", "bearer"), found.get("expires_in")
    if access is None or not isinstance(kind, str) or kind.lower() != "bearer":
        return None
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
