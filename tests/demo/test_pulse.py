"""Is the made-up tracker as strict as a real one, so that what it lets pass proves something?"""

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
import pytest

from daemon.demo.answer import Answer, Asked
from daemon.demo.grants import ACCESS_S, Grants, Pair, s256
from daemon.demo.moods import Moods
from daemon.demo.opening import CLIENT_ID, Ledger, Mood, Opening
from daemon.demo.provider import Town
from daemon.demo.pulse import Pulse

SECRET, BACK, VERIFIER = "secret", "http://127.0.0.1:8723/callback", "a-verifier"
CLIENT = {"client_id": CLIENT_ID, "client_secret": SECRET}
CONSENT = {
    "response_type": "code",
    "client_id": CLIENT_ID,
    "redirect_uri": BACK,
    "scope": "steps",
    "state": "a state",
    "code_challenge": s256(VERIFIER),
    "code_challenge_method": "S256",
}


class Visitor:
    """A browser, an application, and the narrator: all who come to one Pulse."""

    def __init__(self) -> None:
        self.moods = Moods()
        self._pulse = Pulse(SECRET, self.moods)

    def get(self, *path: str, token: str = "", **query: str) -> Answer:
        asked = Asked(
            method="GET", path=("pulse", *path), query=query, authorization=f"Bearer {token}"
        )
        return self._pulse.answer(asked)

    def post(self, path: str, body: str = "", **form: str) -> Answer:
        return self._pulse.answer(
            Asked(method="POST", path=("pulse", path), body=body or urlencode(form))
        )

    def code(self) -> str:
        (code,) = parse_qs(urlsplit(self.get("authorize", **CONSENT).location).query)["code"]
        return code

    def redeem(self, code: str, /, **other: str) -> Answer:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, **CLIENT}
        return self.post("token", **{**form, "code_verifier": VERIFIER, **other})

    def pair(self) -> Pair:
        return _pair(self.redeem(self.code()))

    def refresh(self, token: str, **other: str) -> Answer:
        form = {"grant_type": "refresh_token", "refresh_token": token, **CLIENT, **other}
        return self.post("token", **form)

    def active(self, token: str) -> bool:
        return msgspec.json.decode(self.post("introspect", token=token, **CLIENT).body)["active"]

    def ledger(self) -> Ledger:
        return msgspec.json.decode(self.get("ledger").body, type=Ledger)


@pytest.fixture
def visitor() -> Visitor:
    return Visitor()


def _pair(answer: Answer) -> Pair:
    assert answer.status == 200, answer
    found = msgspec.json.decode(answer.body)
    return Pair(access=found["access_token"], refresh=found["refresh_token"])


def _error(answer: Answer) -> tuple[int, str]:
    return answer.status, msgspec.json.decode(answer.body)["error"]


def test_a_browser_comes_back_with_a_code_and_the_very_state(visitor):
    answer = visitor.get("authorize", **CONSENT)
    assert answer.status == 302
    assert answer.location.startswith(f"{BACK}?")
    assert parse_qs(urlsplit(answer.location).query)["state"] == ["a state"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"response_type": "token"},
        {"client_id": "another"},
        {"redirect_uri": "http://198.51.100.7/callback"},
        {"scope": "everything"},
        {"state": ""},
        {"code_challenge": ""},
        {"code_challenge": VERIFIER},
        {"code_challenge_method": "plain"},
    ],
)
def test_a_request_for_consent_that_is_not_as_registered_goes_nowhere(visitor, wrong):
    answer = visitor.get("authorize", **{**CONSENT, **wrong})
    assert _error(answer) == (400, "invalid_request")
    assert not answer.location


@pytest.mark.parametrize(
    ("other", "error"),
    [
        ({"client_secret": "guessed"}, (401, "invalid_client")),
        ({"client_id": "another"}, (401, "invalid_client")),
        ({"code": "code-guessed"}, (400, "invalid_grant")),
        ({"code_verifier": "another"}, (400, "invalid_grant")),
        ({"code_verifier": ""}, (400, "invalid_grant")),
        ({"redirect_uri": "http://127.0.0.1:1/callback"}, (400, "invalid_grant")),
        ({"grant_type": "password"}, (400, "unsupported_grant_type")),
    ],
)
def test_a_code_is_worth_nothing_to_who_did_not_ask_for_it(visitor, other, error):
    assert _error(visitor.redeem(visitor.code(), **other)) == error


def test_a_code_that_is_shown_again_voids_what_came_of_it(visitor):
    code = visitor.code()
    pair = _pair(visitor.redeem(code))
    assert visitor.get("days", "2025-06-01", token=pair.access).status == 200
    assert _error(visitor.redeem(code)) == (400, "invalid_grant")
    assert _error(visitor.get("days", "2025-06-01", token=pair.access)) == (401, "invalid_token")


def test_a_refresh_token_is_good_once_and_another_time_kills_the_grant(visitor):
    first = visitor.pair()
    second = _pair(visitor.refresh(first.refresh))
    assert first != second
    assert visitor.ledger().presented == [1, 0]
    assert _error(visitor.refresh(first.refresh)) == (400, "invalid_grant")
    assert _error(visitor.refresh(second.refresh)) == (400, "invalid_grant")
    assert not visitor.active(second.refresh)
    assert visitor.ledger().presented == [2, 1]


def test_a_refresh_takes_the_application_s_secret_and_is_not_used_up_without(visitor):
    pair = visitor.pair()
    assert _error(visitor.refresh(pair.refresh, client_secret="")) == (401, "invalid_client")
    assert visitor.ledger().presented == [0]


def test_an_access_token_is_good_for_a_short_time():
    now = [0.0]
    grants = Grants(lambda: now[0])
    pair = grants.redeem(grants.allow(s256(VERIFIER), BACK), BACK, VERIFIER)
    assert pair is not None
    now[0] = ACCESS_S - 0.1
    assert grants.may_look(pair.access)
    now[0] = ACCESS_S
    assert not grants.may_look(pair.access)
    assert grants.may_renew(pair.refresh)


def test_to_ask_of_a_token_does_not_use_it(visitor):
    pair = visitor.pair()
    assert visitor.active(pair.refresh)
    assert visitor.active(pair.refresh)
    assert not visitor.active("refresh-guessed")
    assert visitor.ledger().introspections == 3
    assert visitor.refresh(pair.refresh).status == 200


def test_what_is_taken_back_is_worth_nothing(visitor):
    pair = visitor.pair()
    assert visitor.post("revoke").status == 200
    assert _error(visitor.refresh(pair.refresh)) == (400, "invalid_grant")
    assert _error(visitor.get("days", "2025-06-01", token=pair.access)) == (401, "invalid_token")
    assert visitor.refresh(visitor.pair().refresh).status == 200, "a new consent is another one"


def test_a_day_fails_once_and_the_ledger_has_both_times(visitor):
    token = visitor.pair().access
    visitor.post("stumble", "2025-06-03")
    days = ("2025-06-02", "2025-06-03", "2025-06-03")
    assert [visitor.get("days", day, token=token).status for day in days] == [200, 500, 200]
    assert visitor.ledger().days == list(days)
    assert visitor.get("days", "yesterday", token=token).status == 404


@pytest.mark.parametrize(
    ("mood", "presented", "after"), [(Mood.DEAF, [0], 503), (Mood.MUTE, [1, 0], 200)]
)
def test_a_held_refresh_was_not_looked_at_or_is_done(visitor, mood, presented, after):
    pair = visitor.pair()
    visitor.moods.change("pulse", mood)
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(visitor.refresh, pair.refresh)
        assert msgspec.json.decode(visitor.get("holding").body) == {"holding": True}
        assert visitor.ledger().presented == presented
        assert visitor.active(pair.refresh) is (mood is Mood.DEAF)
        assert not answer.done()
        visitor.moods.change("pulse", Mood.FINE)
        assert answer.result().status == after


def test_the_ledger_counts_what_is_asked_of_pulse_and_not_what_the_narrator_does(visitor):
    visitor.get("authorize", **CONSENT)
    visitor.pair()
    before = visitor.ledger().requests
    assert before == 3
    visitor.post("stumble", "2025-06-03")
    visitor.get("handed-out")
    visitor.post("revoke")
    assert visitor.ledger().requests == before


def test_a_mood_that_a_provider_does_not_know_is_refused_with_those_it_knows():
    town = Town(Opening(url="http://127.0.0.1:1", keys={}, client_secret=SECRET))
    wish = Asked(method="POST", path=("moods", "pulse"), body="empty")
    status, message = _error(town.answer(wish))
    assert status == 404
    assert "pulse: fine, deaf, mute" in message
