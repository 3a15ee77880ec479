"""How do people make a connection somebody's account: authorise it, and give our own client?"""

from daemon import commands, placeholders, token_endpoint
from daemon.account import CLIENT, NO_TENANT
from daemon.auth_file import OAuth2
from daemon.authorisation import NotAuthorised
from daemon.connect import check_credential, keep
from daemon.control.account_messages import (
    REDIRECT_URI,
    AuthorizeAnswer,
    AuthorizeBegun,
    AuthorizeWish,
    ProviderClient,
)
from daemon.control.act import done, durable, room
from daemon.control.desk import Desk, Refused
from daemon.control.messages import Done
from daemon.exchange import CallLost
from daemon.provider import Provider
from daemon.secret import Secret
from daemon.vault import VaultFull
from events.terms import Caller

NO_CLIENT = (
    "our application's id and secret at {provider} are not known; type first: rounds provider "
    "client {provider}"
)


async def authorize_begin(desk: Desk, wish: AuthorizeWish, by: Caller) -> AuthorizeBegun:
    """Say where a browser must go so that a person can consent."""
    subject, connection = desk.find(wish.connection)
    provider = _speaks_oauth(desk, wish.connection, connection.provider)
    auth = provider.file.auth
    assert isinstance(auth, OAuth2), "it was just looked at"
    endpoint = token_endpoint.of(desk.vault, connection, subject, provider)
    assert auth.authorize_url is not None, "a person's consent has its page"
    if endpoint.client is None:
        raise Refused("no-client", NO_CLIENT.format(provider=provider.file.name))
    await room(desk)
    now = desk.journal.clock.now()
    try:
        pending, url = desk.authorisations.begin(
            subject,
            endpoint,
            placeholders.url(auth.authorize_url, endpoint.values),
            wish.redirect_uri or auth.redirect_uri or REDIRECT_URI,
            now,
        )
    except NotAuthorised as error:
        raise Refused("invalid", str(error)) from None
    recorded = desk.journal.execute(commands.BeginAuthorisation(subject=subject, by=by))
    await durable(desk, recorded)
    return AuthorizeBegun(
        seq=desk.journal.head.seq,
        url=url,
        state=pending.state,
        redirect_uri=pending.redirect_uri,
        until=pending.until,
    )


async def authorize_finish(desk: Desk, wish: AuthorizeAnswer, by: Caller) -> Done:
    """Exchange what the browser brought back for tokens, and start syncing."""
    subject, connection = desk.find(wish.connection)
    await room(desk)
    try:
        pending, code = desk.authorisations.finish(
            subject, wish.state, wish.answer, desk.journal.clock.now()
        )
        recorded = await desk.keeper.authorise(
            subject,
            code=code,
            redirect_uri=pending.redirect_uri,
            verifier=pending.verifier,
            by=by,
        )
    except NotAuthorised as error:
        raise Refused("not-authorised", str(error)) from None
    except CallLost as lost:
        raise Refused(
            "provider", f"not authorised: {lost.message}; begin again when that is mended"
        ) from None
    if not recorded:
        raise Refused("not-found", f"{wish.connection} was removed meanwhile")
    if connection.paused:
        return done(desk, recorded, f"authorised; it is paused: rounds resume {wish.connection}")
    return done(desk, recorded, "authorised; its next sync starts at once")


async def provider_client(desk: Desk, wish: ProviderClient, by: Caller) -> Done:
    """Keep the id and secret of our own application at a provider."""
    subject = desk.vault.subject("provider", wish.provider)
    if subject is None or subject not in desk.providers:
        known = ", ".join(sorted(desk.configuration.providers)) or "none yet"
        raise Refused(
            "not-found",
            f"there is no provider {wish.provider} (known: {known}); one whose file is new is "
            "known once roundsd is restarted",
        )
    provider = desk.providers[subject]
    if not isinstance(provider.file.auth, OAuth2):
        raise Refused("invalid", f"{wish.provider} does not speak OAuth; it needs no client")
    if wish.provider in desk.configuration.settings.providers:
        raise Refused(
            "declared",
            f"the client of {wish.provider} stands in the configuration; change it there",
        )
    _check_client(wish)
    await room(desk)
    secret = f":{wish.client_secret}" if wish.client_secret is not None else ""
    try:
        text = Secret(wish.client_id + secret)
        kept = keep(desk.vault, NO_TENANT, subject, CLIENT, text)
    except VaultFull:
        raise Refused("disk-full", "the disk is full, nothing was set; free some space") from None
    declared = desk.declare(provider)
    recorded = desk.journal.execute(commands.SetClient(subject=subject, by=by)) if kept else []
    await durable(desk, [*declared, *recorded])
    return done(desk, recorded, "client set" if kept else "it is the one that is set already")


def _check_client(wish: ProviderClient) -> None:
    if wrong := check_credential(wish.client_id):
        raise Refused("invalid", f"the client id {wrong}")
    if ":" in wish.client_id:
        raise Refused("invalid", "the client id holds a colon, which no client id does")
    if wish.client_secret is not None and (wrong := check_credential(wish.client_secret)):
        raise Refused("invalid", f"the client secret {wrong}")


def _speaks_oauth(desk: Desk, name: str, subject: int) -> Provider:
    provider = desk.providers.get(subject)
    if provider is None:
        raise Refused("not-found", f"the provider's file of {name} is gone; put it back")
    auth = provider.file.auth
    if not isinstance(auth, OAuth2) or auth.grant != "authorization_code":
        raise Refused(
            "invalid",
            f"{name} is not authorised by a person; if its provider wants a credential, give it "
            f"with `rounds connection add {name}`",
        )
    return provider
