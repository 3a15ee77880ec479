"""How does the made-up health tracker answer: to a browser, to an application, to the narrator?

The browser asks /authorize; the application /token, /introspect and /days; what else there is does
not count as a request: /stumble (a day that fails once), /revoke, /ledger, /handed-out, /holding.
"""

import hmac
import re
import time
from datetime import date
from threading import Condition
from urllib.parse import parse_qsl, urlencode

from daemon.demo import shelves
from daemon.demo.answer import Answer, Asked, good, problem
from daemon.demo.grants import ACCESS_S, Grants, Pair
from daemon.demo.moods import Moods
from daemon.demo.opening import CLIENT_ID, Ledger, Mood

SCOPE = "steps"
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # SHA-256 in base64 without padding
LOOPBACK = re.compile(r"http://127\.0\.0\.1:[0-9]{1,5}/[a-z]*")
HOLDING_S = 20.0  # how long somebody waits to see a request held


class Pulse:
    """Checks what an OAuth server has to check, and notes all that it is asked. Threads share it.

    Whoever is sent to it is logged in, and consents to everything.
    """

    def __init__(self, client_secret: str, moods: Moods) -> None:
        self._client_secret = client_secret
        self._moods = moods
        self._grants = Grants(time.monotonic)
        self._stumbles: set[str] = set()
        self._requests = self._introspections = self._held = 0
        self._days: list[str] = []
        self._changed = Condition()

    def answer(self, asked: Asked) -> Answer:
        match asked.method, *asked.path[1:]:
            case "GET", "authorize":
                return self._authorize(asked)
            case "POST", "token":
                return self._token(asked)
            case "POST", "introspect":
                return self._introspect(asked)
            case "GET", "days", day:
                return self._day(day, asked.authorization)
            case _:
                return self._behind_the_counter(asked)

    def _authorize(self, asked: Asked) -> Answer:
        """Send the browser back with a code (RFC 6749, 4.1.1), if all is as it was registered."""
        query = asked.query
        redirect_uri, challenge = query.get("redirect_uri", ""), query.get("code_challenge", "")
        right = (
            query.get("response_type") == "code"
            and query.get("client_id") == CLIENT_ID
            and query.get("scope") == SCOPE
            and query.get("state")
            and LOOPBACK.fullmatch(redirect_uri)
            and query.get("code_challenge_method") == "S256"
            and CHALLENGE.fullmatch(challenge)
        )
        with self._changed:
            self._requests += 1
            if not right:
                return problem(400, "invalid_request")
            code = self._grants.allow(challenge, redirect_uri)
        back = urlencode({"code": code, "state": query["state"]})
        return Answer(status=302, location=f"{redirect_uri}?{back}")

    def _token(self, asked: Asked) -> Answer:
        form = dict(parse_qsl(asked.body))
        refreshes = form.get("grant_type") == "refresh_token"
        with self._changed:
            self._requests += 1
        if refreshes and self._moods.of("pulse") is Mood.DEAF:
            self._hold(Mood.DEAF)
            return problem(503, "temporarily_unavailable")
        if not self._is_client(form):
            return problem(401, "invalid_client")
        with self._changed:
            match form.get("grant_type"):
                case "authorization_code":
                    code, verifier = form.get("code", ""), form.get("code_verifier", "")
                    pair = self._grants.redeem(code, form.get("redirect_uri", ""), verifier)
                case "refresh_token":
                    pair = self._grants.renew(form.get("refresh_token", ""))
                case _:
                    return problem(400, "unsupported_grant_type")
        if refreshes and self._moods.of("pulse") is Mood.MUTE:
            self._hold(Mood.MUTE)
        return _tokens(pair) if pair else problem(400, "invalid_grant")

    def _introspect(self, asked: Asked) -> Answer:
        form = dict(parse_qsl(asked.body))
        with self._changed:
            self._requests += 1
            self._introspections += 1
            if not self._is_client(form):
                return problem(401, "invalid_client")
            return good({"active": self._grants.may_renew(form.get("token", ""))})

    def _day(self, day: str, authorization: str) -> Answer:
        kind, _, token = authorization.partition(" ")
        with self._changed:
            self._requests += 1
            if kind != "Bearer" or not self._grants.may_look(token):
                return problem(401, "invalid_token")
            self._days.append(day)
            if day in self._stumbles:
                self._stumbles.remove(day)
                return problem(500, "this day is being counted anew")
        try:
            return good({"steps": shelves.steps(date.fromisoformat(day))})
        except ValueError:
            return problem(404, "there is no such day")

    def _behind_the_counter(self, asked: Asked) -> Answer:
        """What nobody would see of a real provider, or do there, but its people."""
        with self._changed:
            match asked.method, *asked.path[1:]:
                case "POST", "stumble":
                    self._stumbles.add(asked.body)
                    return good({"done": True})
                case "POST", "revoke":
                    self._grants.revoke()
                    return good({"done": True})
                case "GET", "ledger":
                    return good(self._ledger())
                case "GET", "handed-out":
                    return good(self._grants.handed_out())
                case "GET", "holding":
                    held = self._changed.wait_for(lambda: self._held > 0, HOLDING_S)
                    return good({"holding": held})
                case _:
                    return problem(404, "there is nothing here")

    def _ledger(self) -> Ledger:
        return Ledger(
            requests=self._requests,
            days=self._days,
            presented=self._grants.presented(),
            introspections=self._introspections,
        )

    def _hold(self, mood: Mood) -> None:
        """Keep a request waiting until the mood is another one."""
        with self._changed:
            self._held += 1
            self._changed.notify_all()
        self._moods.past("pulse", mood)
        with self._changed:
            self._held -= 1

    def _is_client(self, form: dict[str, str]) -> bool:
        secret = form.get("client_secret", "").encode()
        known = hmac.compare_digest(secret, self._client_secret.encode())
        return known and form.get("client_id") == CLIENT_ID


def _tokens(pair: Pair) -> Answer:
    return good(
        {
            "access_token": pair.access,
            "refresh_token": pair.refresh,
            "token_type": "Bearer",
            "expires_in": ACCESS_S,
        }
    )
