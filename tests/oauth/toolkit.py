"""How is django-oauth-toolkit run as a peer of the tests?"""

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from tests.oauth import peer
from tests.oauth.peer import APPLICATIONS, REDIRECT_URI, Paths, Peer

PATHS = Paths(
    authorize="/o/authorize/",
    token="/o/token/",
    introspect="/o/introspect/",
    revoke="/o/revoke_token/",
)


@contextmanager
def serving(
    *,
    reuse_protection: bool = True,
    grace_s: int = 0,
    access_s: int = 3600,
    refresh_s: int | None = None,
) -> Iterator[Peer]:
    """Serve it on a port of the system's choice, with rotation on and PKCE required.

    An old refresh token kills its whole family where `reuse_protection` is on, and is answered
    with the pair it already gave for `grace_s` after that.
    """
    with tempfile.TemporaryDirectory(prefix="rounds-toolkit-") as directory:
        wanted = {
            "database": str(Path(directory) / "db"),
            "applications": list(map(asdict, APPLICATIONS)),
            "redirect_uri": REDIRECT_URI,
            "reuse_protection": reuse_protection,
            "grace_s": grace_s,
            "access_s": access_s,
            "refresh_s": refresh_s,
        }
        command = [sys.executable, "-m", "tests.oauth.toolkit_server", json.dumps(wanted)]
        with peer.process(command) as (server, said):
            yield Peer(
                url=f"http://127.0.0.1:{said['port']}",
                paths=PATHS,
                scope="records",
                authorize_with={},
                process=server,
            )
