"""Which codes and tokens did the made-up tracker give out, and which of them are still good?

    consent ─► code, good once ─► a pair: access token for two minutes, refresh token good once
                                    ▲                                          │
                                    └────────────── next pair ◄────────────────┘

Whoever shows a code or a refresh token a second time has stolen it, or was stolen from: the grant
that it is of dies, with every token of it.
"""

import base64
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec import Struct

from daemon.demo.opening import HandedOut

ACCESS_S = 120  # less than rounds wants to have in hand, so that each sync begins with a refresh


class Pair(Struct, frozen=True, kw_only=True):
    access: str
    refresh: str


@dataclass
class _Grant:
    alive: bool = True


@dataclass
class _Code:
    challenge: str
    redirect_uri: str
    grant: _Grant = field(default_factory=_Grant)
    shown: int = 0


@dataclass
class _Access:
    grant: _Grant
    until: float


@dataclass
class _Refresh:
    grant: _Grant
    shown: int = 0


class Grants:
    """What people allowed, and what was given out for it. Its owner lets in one at a time."""

    def __init__(self, now: Callable[[], float]) -> None:
        """`now` is in seconds, from anywhere."""
        self._now = now
        self._codes: dict[str, _Code] = {}
        self._access: dict[str, _Access] = {}
        self._refresh: dict[str, _Refresh] = {}
        self._verifiers: list[str] = []

    def allow(self, challenge: str, redirect_uri: str) -> str:
        """A person said yes: return the code for it."""
        code = f"code-{secrets.token_urlsafe(24)}"
        self._codes[code] = _Code(challenge, redirect_uri)
        return code

    def redeem(self, code: str, redirect_uri: str, verifier: str) -> Pair | None:
        """Give the first pair for a code, if it is shown by who asked for it (RFC 7636, 4.6)."""
        self._verifiers.append(verifier)
        known = self._codes.get(code)
        if known is None or not self._first_time(known):
            return None
        if redirect_uri != known.redirect_uri or s256(verifier) != known.challenge:
            return None
        return self._pair(known.grant)

    def renew(self, refresh: str) -> Pair | None:
        """Give the next pair for a refresh token, which is worth nothing from then on."""
        known = self._refresh.get(refresh)
        if known is None or not self._first_time(known) or not known.grant.alive:
            return None
        return self._pair(known.grant)

    def may_look(self, access: str) -> bool:
        """Say whether this access token is good now."""
        known = self._access.get(access)
        return known is not None and known.grant.alive and self._now() < known.until

    def may_renew(self, refresh: str) -> bool:
        """Say whether this refresh token is good still, without using it."""
        known = self._refresh.get(refresh)
        return known is not None and known.grant.alive and not known.shown

    def revoke(self) -> None:
        """The person takes back all that was allowed."""
        for code in self._codes.values():
            code.grant.alive = False

    def presented(self) -> list[int]:
        """How often each refresh token was shown, in the order in which they were given out."""
        return [each.shown for each in self._refresh.values()]

    def handed_out(self) -> HandedOut:
        return HandedOut(
            codes=list(self._codes),
            verifiers=self._verifiers,
            access_tokens=list(self._access),
            refresh_tokens=list(self._refresh),
        )

    def _first_time(self, shown: _Code | _Refresh) -> bool:
        shown.shown += 1
        if shown.shown > 1:
            shown.grant.alive = False
        return shown.shown == 1

    def _pair(self, grant: _Grant) -> Pair:
        pair = Pair(
            access=f"access-{secrets.token_urlsafe(24)}",
            refresh=f"refresh-{secrets.token_urlsafe(24)}",
        )
        self._access[pair.access] = _Access(grant, self._now() + ACCESS_S)
        self._refresh[pair.refresh] = _Refresh(grant)
        return pair


def s256(verifier: str) -> str:
    """The challenge that belongs to a verifier (RFC 7636, 4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
