"""How is a provider's OAuth server asked, on behalf of one connection?"""

from datetime import datetime

import structlog
from msgspec import Struct

from daemon import account, oauth, placeholders, token_answer
from daemon.account import Kept
from daemon.auth_file import OAuth2
from daemon.commands import Introspection
from daemon.exchange import CallLost, Request
from daemon.oauth import Client
from daemon.placeholders import Values
from daemon.provider import Provider
from daemon.secret import Secret
from daemon.token_answer import TokenLost, Tokens
from daemon.vault import Vault
from events.terms import FailureClass
from projections.connection import Connection

NO_CLIENT = (
    "our application's id and secret at this provider are not known; "
    "set them with `rounds provider client`"
)
FORBIDDEN = frozenset({400, 401, 403, 404, 405, 410})
"""After these an introspection endpoint is as good as none: we may not ask, or it is not there."""

log = structlog.get_logger()


class Endpoint(Struct, frozen=True, kw_only=True):
    """One provider's token endpoint, as one connection may use it."""

    auth: OAuth2
    provider: Provider
    client: Client | None
    values: Values

    async def refresh(self, before: Kept | None, now: datetime) -> Tokens:
        """Ask for new tokens: with the refresh token, or as the application. Raises TokenLost."""
        url, client = self._url(self.auth.token_url), self._known_client()
        if self.auth.grant == "client_credentials":
            return await self._call(oauth.credentials_request(self.auth, url, client), now)
        assert before is not None, "a person's grant is refreshed only where there is a pair"
        assert before.refresh is not None, "what cannot be refreshed is never intended"
        request = oauth.refresh_request(self.auth, url, client, before.refresh)
        return await self._call(request, now)

    async def exchange(
        self, code: Secret, redirect_uri: str, verifier: Secret, now: datetime
    ) -> Tokens:
        """Turn what the browser brought back into tokens. Raises TokenLost."""
        request = oauth.code_request(
            self.auth,
            self._url(self.auth.token_url),
            self._known_client(),
            code=code,
            redirect_uri=redirect_uri,
            verifier=verifier,
        )
        return await self._call(request, now)

    async def introspect(self, before: Kept, now: datetime, *, refused: bool) -> Introspection:
        """Ask what became of a token in doubt, where that can be asked: it uses nothing up.

        `refused` says that the access token was dead before it was to be refreshed.
        """
        witness = _witness(self.auth, before, now, refused=refused)
        if self.auth.introspect_url is None or self.client is None or witness is None:
            return Introspection.NOT_ASKED
        url = self._url(self.auth.introspect_url)
        request = oauth.introspect_request(self.auth, url, self.client, witness)
        try:
            active = token_answer.is_active(await self.provider.send_token(request))
        except CallLost as lost:
            log.warning("not-introspected", why=lost.message)
            forbidden = lost.status in FORBIDDEN  # asking again would change nothing
            return Introspection.NOT_ASKED if forbidden else Introspection.SILENT
        if active is None:
            return Introspection.NOT_ASKED  # there is nobody there who could say
        return Introspection.ACTIVE if active else Introspection.INACTIVE

    async def _call(self, request: Request, now: datetime) -> Tokens:
        try:
            response = await self.provider.send_token(request)
        except CallLost as lost:
            loss = token_answer.refused(self.auth, lost)
        else:
            return token_answer.read(self.auth, self.provider.file.errors, response, now)
        raise loss

    def _known_client(self) -> Client:
        if self.client is None:
            raise TokenLost(CallLost(FailureClass.AUTH, NO_CLIENT), sent=False)
        return self.client

    def _url(self, template: str) -> str:
        return placeholders.url(template, self.values)


def of(vault: Vault, connection: Connection, subject: int, provider: Provider) -> Endpoint:
    auth = provider.file.auth
    assert isinstance(auth, OAuth2), "tokens are of providers that speak OAuth"
    return Endpoint(
        auth=auth,
        provider=provider,
        client=account.client(vault, connection, subject, auth),
        values=account.settings(vault, connection, subject, provider.file),
    )


def _witness(auth: OAuth2, before: Kept, now: datetime, *, refused: bool) -> Secret | None:
    """Return the token whose state tells whether the refresh went through.

    An access token that is dead anyway tells nothing.
    """
    if auth.introspects == "refresh_token":
        return before.refresh
    return before.access if before.expires_at > now and not refused else None
