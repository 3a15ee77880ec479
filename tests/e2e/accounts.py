"""How does a real `roundsd` come by an account at a real OAuth server, and how does that stand?"""

import shutil
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from daemon import account
from daemon.account import Kept
from daemon.vault import open_vault
from projections.connection import Connection
from tests.e2e.daemon import Daemon, Home, Line
from tests.oauth import client, consent
from tests.oauth.gate import Gate
from tests.oauth.peer import CONFIDENTIAL, PAGE_ITEMS, PAGES, Application, Peer

PROVIDER = "health"
TENANT = "acme"
CONNECTION = f"{TENANT}/{PROVIDER}"
VIEW = "health_records"
RECORDS = list(range(PAGES * PAGE_ITEMS))
ALWAYS = {"refresh_before": "1000d", "refresh_before_manual": "1000d"}
"""No token is good for so long: each sync begins with a refresh."""

PAGED = {
    "path": "/api/records",
    "primary_key": ["id"],
    "records": "items",
    "paging": {"kind": "cursor", "path": "next", "param": "page"},
}


def declare(home: Home, peer: Peer, gate: Gate, *, name: str = PROVIDER, **auth: Any) -> None:
    """Write the file of a provider whose token endpoint and records lie behind the gate."""
    given = {
        "kind": "oauth2",
        "token_url": gate.url + peer.paths.token,
        "authorize_url": gate.url + peer.paths.authorize,
        "authorize_params": peer.authorize_with,
        "scopes": peer.scope.split(),
        "client": "basic",
        "expired": [401, 403] if is_toolkit(peer) else [401],
        **auth,
    }
    meant = {key: value for key, value in given.items() if value is not None}
    home.provide(name, gate.url, auth=meant, streams={"records": PAGED})


def asking(peer: Peer, gate: Gate) -> dict[str, str]:
    """The way out that is to ask the server what became of a token."""
    return {
        "in_doubt": "introspect",
        "introspect_url": gate.url + peer.paths.introspect,
        "introspects": "access_token" if is_toolkit(peer) else "refresh_token",
    }


def is_toolkit(peer: Peer) -> bool:
    """It refuses with 403, and can be asked about access tokens only."""
    return peer.paths.token.startswith("/o/")


async def introduce(
    daemon: Daemon, application: Application = CONFIDENTIAL, provider: str = PROVIDER
) -> Line:
    """Give the daemon our own id and secret at the provider."""
    wish = {"provider": provider, "client_id": application.id, "client_secret": application.secret}
    answer = await daemon.call("POST", "provider-client", json=wish)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def authorise(daemon: Daemon, connection: str = CONNECTION) -> Line:
    """Consent as a person, and bring back where the browser ended."""
    return await finish(daemon, await consented(daemon, connection), connection)


async def consented(daemon: Daemon, connection: str = CONNECTION) -> Line:
    """Consent as a person; what is to be brought back."""
    begun = await daemon.tell("authorize-begin", connection)
    return {"state": begun["state"], "answer": await consent.given(begun["url"])}


async def finish(daemon: Daemon, brought: Line, connection: str = CONNECTION) -> Line:
    return await daemon.tell("authorize-finish", connection, **brought)


async def settled(daemon: Daemon, connection: str = CONNECTION) -> Line:
    """Authorise, and wait for the sync that this starts; how it ended."""
    events = (await authorise(daemon, connection))["events"]
    lines = await daemon.heard(
        lambda line: line["event"] == "sync-started" and line["seq"] > events[0]
    )
    return await daemon.ending(lines[-1]["seq"])


async def shown(daemon: Daemon, connection: str = CONNECTION) -> Line:
    """What the daemon says of a connection."""
    return (await daemon.ask("connection", connection=connection))["connection"]


def sealed(home: Home, connection: str = CONNECTION) -> Kept | None:
    """The pair of tokens in the vault of a daemon that is dead; a copy of it is looked at."""
    with tempfile.TemporaryDirectory(prefix="rounds-vault-") as directory:
        for each in home.state.glob("vault*"):
            shutil.copy2(each, directory)
        with closing(open_vault(Path(directory), None)) as vault:
            tenant = vault.subject("tenant", connection.partition("/")[0])
            subject = vault.subject("connection", connection)
            assert tenant is not None
            assert subject is not None
            return account.kept(vault, Connection(tenant=tenant, provider=0), subject)


async def honours(peer: Peer, pair: Kept) -> bool:
    """Whether the server still takes the refresh token of a pair; asking uses nothing up.

    The toolkit says so only of the access token, which dies as the refresh token is used.
    """
    token = pair.access if is_toolkit(peer) else pair.refresh
    assert token is not None
    return (await client.introspect(peer, token.reveal()))["active"]


def of(events: list[Line], *types: str) -> list[Line]:
    return [event for event in events if event["type"] in types]


def check_story(events: list[Line]) -> None:
    """Check that the log tells of each refresh how it ended, and counts pairs by one."""
    intended, generation = None, 0
    for event in events:
        match event["type"]:
            case "refresh-intended":
                assert intended is None, f"{event} begins inside {intended}"
                assert event["generation"] == generation, f"{event} speaks of another pair"
                intended = event
            case "token-refreshed" | "connection-authorised":
                generation += 1
                assert event["generation"] == generation, f"{event} is not pair {generation}"
                intended = None
            case "refresh-failed" | "token-in-doubt" | "authorisation-needed":
                assert event["generation"] == generation, f"{event} speaks of another pair"
                intended = None
    assert intended is None, f"{intended} has no end"
