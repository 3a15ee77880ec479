"""In which forms do the two servers take a client's requests?"""

import base64
import hashlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlencode, urlsplit

import httpx

from tests.oauth import consent
from tests.oauth.consent import WAIT_S
from tests.oauth.peer import CONFIDENTIAL, Application, Peer

VERIFIER = "a-verifier-that-is-known-to-all-and-long-enough"
LOOPBACK = "http://127.0.0.1:49152/callback"  # any port will do; nothing listens there


INVALID_GRANT = (400, "invalid_grant")


@dataclass(frozen=True)
class Pair:
    """What a token endpoint gave."""

    access: str
    refresh: str


def authorize_url(
    peer: Peer, application: Application = CONFIDENTIAL, redirect_uri: str = LOOPBACK
) -> str:
    """Return what a person's browser is sent to."""
    digest = hashlib.sha256(VERIFIER.encode()).digest()
    query = {
        "response_type": "code",
        "client_id": application.id,
        "redirect_uri": redirect_uri,
        "scope": peer.scope,
        "state": "a-state",
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
        **peer.authorize_with,
    }
    return f"{peer.at('authorize')}?{urlencode(query)}"


def authentication(application: Application, how: str = "basic") -> dict[str, Any]:
    """Say who asks: what httpx is to send for it. Basic has each half form-encoded."""
    if application.secret is None:
        return {"data": {"client_id": application.id}}
    if how == "post":
        return {"data": {"client_id": application.id, "client_secret": application.secret}}
    halves = f"{quote_plus(application.id)}:{quote_plus(application.secret)}"
    return {"headers": {"Authorization": f"Basic {base64.b64encode(halves.encode()).decode()}"}}


async def ask(
    peer: Peer,
    endpoint: str,
    application: Application = CONFIDENTIAL,
    *,
    how: str = "basic",
    **form: str,
) -> httpx.Response:
    """Post a form to an endpoint."""
    said = authentication(application, how)
    async with _connected() as client:
        return await client.post(
            peer.at(endpoint),
            headers=said.get("headers"),
            data={**said.get("data", {}), **form},
        )


async def authorise(
    peer: Peer, application: Application = CONFIDENTIAL, how: str = "basic"
) -> Pair:
    """Consent as a person, and exchange the code for the first pair of tokens."""
    redirect = parse_qs(urlsplit(await consent.given(authorize_url(peer, application))).query)
    (code,) = redirect["code"]
    answer = await ask(
        peer,
        "token",
        application,
        how=how,
        grant_type="authorization_code",
        code=code,
        redirect_uri=LOOPBACK,
        code_verifier=VERIFIER,
    )
    return pair(answer)


async def refresh(
    peer: Peer, token: str, application: Application = CONFIDENTIAL, how: str = "basic"
) -> httpx.Response:
    form = {"grant_type": "refresh_token", "refresh_token": token}
    return await ask(peer, "token", application, how=how, **form)


async def introspect(
    peer: Peer,
    token: str,
    hint: str | None = None,
    application: Application = CONFIDENTIAL,
    how: str = "basic",
) -> dict[str, Any]:
    form = {"token": token} if hint is None else {"token": token, "token_type_hint": hint}
    answer = await ask(peer, "introspect", application, how=how, **form)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def records(peer: Peer, access: str | None, page: int = 1) -> httpx.Response:
    headers = {} if access is None else {"Authorization": f"Bearer {access}"}
    async with _connected() as client:
        return await client.get(peer.at("records"), params={"page": page}, headers=headers)


def pair(answer: httpx.Response) -> Pair:
    assert answer.status_code == 200, answer.text
    said = answer.json()
    return Pair(said["access_token"], said["refresh_token"])


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Return the status and the error code of an endpoint that gave nothing."""
    return answer.status_code, answer.json()["error"]


def _connected() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=WAIT_S, trust_env=False, verify=False)
