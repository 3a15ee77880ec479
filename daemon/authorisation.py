"""Who was sent to which provider to authorise a connection, and with what may they come back?

    begin ─► a URL for the browser ─► the provider ─► redirect with a code ─► finish ─► first pair

What is pending is known to this process alone: after a restart one begins again.
"""

import hmac
import re
import secrets
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct

from daemon import oauth
from daemon.secret import Secret
from daemon.token_answer import REGISTERED
from daemon.token_endpoint import Endpoint

LASTS = timedelta(minutes=15)  # what a person needs to log in, find a second factor, and consent
PENDING_MAX = 100  # people at it at once; past this the oldest is given up
ANSWER_MAX = 8192  # characters of what the browser brings back
LOOPBACK = re.compile(r"http://(127\.0\.0\.1|\[::1\]|localhost)(:[0-9]{1,5})?(/[^?#\s]*)?")
ELSEWHERE = re.compile(r"https://[^/?#\s@]+(/[^?#\s]*)?")
CODE = re.compile(r"[\x21-\x7e]{1,4096}")


class NotAuthorised(Exception):
    """It did not come about; the sentence says why and what to do."""


class _Refused(Exception):
    """The provider itself said no, in an answer to this very beginning."""


class Pending(Struct, frozen=True, kw_only=True):
    """One person under way. `state` tells their answer from anybody else's (RFC 6749, 10.12)."""

    subject: int
    state: str
    redirect_uri: str
    verifier: Secret
    until: datetime


class Authorisations:
    """Those that are under way."""

    def __init__(self) -> None:
        self._pending: dict[str, Pending] = {}

    def begin(
        self, subject: int, endpoint: Endpoint, url: str, redirect_uri: str, now: datetime
    ) -> tuple[Pending, str]:
        """Return what is pending now, and where the browser must go. Raises NotAuthorised."""
        assert endpoint.client is not None, "nobody is sent anywhere without a client of ours"
        if not (LOOPBACK.fullmatch(redirect_uri) or ELSEWHERE.fullmatch(redirect_uri)):
            raise NotAuthorised(
                "the redirect URI is neither on this host (http://127.0.0.1:…) nor an https URL"
            )
        self._tidy(now)
        pending = Pending(
            subject=subject,
            state=secrets.token_urlsafe(32),
            redirect_uri=redirect_uri,
            verifier=Secret(secrets.token_urlsafe(64)),
            until=now + LASTS,
        )
        self._pending[pending.state] = pending
        place = oauth.authorize_url(
            endpoint.auth,
            url,
            endpoint.client,
            redirect_uri=redirect_uri,
            state=pending.state,
            verifier=pending.verifier.reveal(),
        )
        return pending, place

    def finish(
        self, subject: int, state: str, answer: str, now: datetime
    ) -> tuple[Pending, Secret]:
        """Take what the browser brought back: its URL, or the bare code. Raises NotAuthorised.

        An answer that belongs to this very beginning ends it, whatever it says.
        """
        pending = self._pending.get(state)
        if pending is None or pending.subject != subject or pending.until <= now:
            raise NotAuthorised(
                "this authorisation is not known (any more); begin again with "
                "`rounds connection authorize`"
            )
        try:
            code = _code(answer.strip("\"'<> \t\r\n"), state)
        except _Refused as refused:
            del self._pending[state]
            raise NotAuthorised(str(refused)) from None
        del self._pending[state]
        return pending, code

    def forget(self, subject: int) -> None:
        """Whoever is under way for this connection is at the wrong provider now."""
        for state, pending in list(self._pending.items()):
            if pending.subject == subject:
                del self._pending[state]

    def _tidy(self, now: datetime) -> None:
        for state, pending in list(self._pending.items()):
            if pending.until <= now or len(self._pending) >= PENDING_MAX:
                del self._pending[state]


def _code(answer: str, state: str) -> Secret:
    if len(answer) > ANSWER_MAX:
        raise NotAuthorised(f"what was pasted has more than {ANSWER_MAX} characters")
    if "://" not in answer and "=" not in answer:
        if CODE.fullmatch(answer):
            return Secret(answer)
        raise NotAuthorised("there is no code in what was pasted; paste the whole address")
    try:
        query = parse_qs(urlsplit(answer).query if "://" in answer else answer.lstrip("?"))
    except ValueError:
        query = {}
    if not hmac.compare_digest(_only(query, "state").encode(), state.encode()):
        raise NotAuthorised(
            "that address belongs to another authorisation, or is not complete; paste the whole "
            "address that the browser ended at"
        )
    if error := _only(query, "error"):
        raise _Refused(_refusal(error))
    code = _only(query, "code")
    if not CODE.fullmatch(code):
        raise NotAuthorised("there is no code in that address; paste the whole address")
    return Secret(code)


def _only(query: dict[str, list[str]], name: str) -> str:
    values = query.get(name, [])
    return values[0] if len(values) == 1 else ""


def _refusal(error: str) -> str:
    if error == "access_denied":
        return "the provider was told not to allow it (access_denied); nothing has changed"
    if error in REGISTERED:
        return f"the provider refused ({error}); check scopes and client in its file"
    return "the provider refused, with an error that is not a registered one"
