"""What is said to an OAuth server? RFC 6749, with PKCE (RFC 7636) and introspection (RFC 7662)."""

import base64
import hashlib
from urllib.parse import quote_plus, urlencode

import msgspec
from msgspec import Struct

from daemon.auth_file import OAuth2
from daemon.exchange import Request
from daemon.secret import Secret

REFRESH_ENDPOINT = "POST token (refresh)"
CODE_ENDPOINT = "POST token (code)"
CLIENT_ENDPOINT = "POST token (client credentials)"
INTROSPECT_ENDPOINT = "POST introspect"


class Client(Struct, frozen=True, kw_only=True):
    """The application's own identity at a provider; a public one has no secret."""

    id: str
    secret: Secret | None


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
