"""How does a real `roundsd` come by an account at a real OAuth server, and how does that stand?"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from daemon.account import GRANT
from daemon.vault import open_vault
from tests.e2e.daemon import Daemon, Home, Line, _answer
from tests.oauth import consent
from tests.oauth.gate import Gate
from tests.oauth.peer import CONFIDENTIAL, PAGE_ITEMS, PAGES, Application, Peer

PROVIDER = "health"
CONNECTION = "acme/health"
TENANT = "acme"
RECORDS = PAGES * PAGE_ITEMS
ALWAYS = {"refresh_before": "1000d", "refresh_before_manual": "1000d"}
"""No token is good for so long: each sync begins with a refresh."""


def declare(
    home: Home, peer: Peer, gate: Gate, *, name: str = PROVIDER, **auth: Any
) -> None:
    """Write the file of a provider whose token endpoint and records lie behind the gate."""
    expired = [401, 403] if peer.paths.token.startswith("/o/") else [401]  # the toolkit's is 403
    home.provide(
        name,
        gate.url,
        auth={
            "kind": "oauth2",
            "token_url": gate.url + peer.paths.token,
            "authorize_url": gate.url + peer.paths.authorize,
            "authorize_params": peer.authorize_with,
            "scopes": peer.scope.split(),
            "client": "basic",
            "expired": expired,
            **auth,
        },
        streams={
            "records": {
                "path": peer.paths.records,
                "primary_key": ["id"],
                "records": "items",
                "paging": {"kind": "cursor", "path": "next", "param": "page"},
            }
        },
    )


def asking(peer: Peer, gate: Gate) -> dict[str, str]:
    """The way out that is to ask the server: the toolkit knows access tokens only."""
    toolkit = peer.paths.token.startswith("/o/")
    return {
        "in_doubt": "introspect",
        "introspect_url": gate.url + peer.paths.introspect,
        "introspects": "access_token" if toolkit else "refresh_token",
    }


async def introduce(
    daemon: Daemon, application: Application = CONFIDENTIAL, provider: str = PROVIDER
) -> Line:
    """Give the daemon our own id and secret at the provider."""
    wish = {"provider": provider, "client_id": application.id, "client_secret": application.secret}
    return _answer(await daemon.call("POST", "provider-client", json=wish))


async def authorise(daemon: Daemon, connection: str = CONNECTION) -> Line:
    """Consent as a person, and bring back where the browser ended."""
    begun = await daemon.tell("authorize-begin", connection)
    place = await consent.given(begun["url"])
    return await daemon.tell("authorize-finish", connection, state=begun["state"], answer=place)


async def shown(daemon: Daemon, connection: str = CONNECTION) -> Line:
    """What the daemon says of a connection."""
    return (await daemon.ask("connection", connection=connection))["connection"]
