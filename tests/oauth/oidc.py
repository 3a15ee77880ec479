"""How is oidc-provider, an OAuth server for Node, installed and run as a peer of the tests?"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import pytest

from tests import npm as npm_packages
from tests.oauth import peer
from tests.oauth.peer import APPLICATIONS, PAGE_ITEMS, PAGES, REDIRECT_URI, Paths, Peer

HERE = Path(__file__).parent / "node"
NODE_MAJOR_MIN = 20  # the first with the Web Crypto that its signatures are made with

PATHS = Paths(
    authorize="/auth",
    token="/token",
    introspect="/token/introspection",
    revoke="/token/revocation",
)


@contextmanager
def serving(
    *, access_s: int = 3600, refresh_s: int = 14 * 86400, issuer: str | None = None
) -> Iterator[Peer]:
    """Serve it on a port of the system's choice, with rotation on and PKCE required.

    An old refresh token kills its whole grant. `issuer` is what it calls itself, its own address
    unless told. Skips the test, in words, where there is no Node or nowhere to install it from.
    """
    node, modules = installed()
    wanted = {
        "modules": str(modules),
        "applications": list(map(asdict, APPLICATIONS)),
        "redirect_uri": REDIRECT_URI,
        "access_s": access_s,
        "refresh_s": refresh_s,
        "issuer": issuer,
        "pages": PAGES,
        "page_items": PAGE_ITEMS,
    }
    with peer.process([node, str(HERE / "server.mjs"), json.dumps(wanted)]) as (server, said):
        yield Peer(
            url=f"http://127.0.0.1:{said['port']}",
            paths=PATHS,
            scope="offline_access records",
            authorize_with={"prompt": "consent"},
            process=server,
        )


def installed() -> tuple[str, Path]:
    """Find Node, and the directory of its packages: installed once for all runs with one lock.

    Skips the test where that cannot be; in CI a failed installation fails it.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("oidc-provider needs Node and npm: install both to run these tests")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    major = re.match(r"v(\d+)\.", version)
    if major is None or int(major[1]) < NODE_MAJOR_MIN:
        pytest.skip(f"oidc-provider needs Node {NODE_MAJOR_MIN}, this is {version.strip()}")
    return node, npm_packages.installed(npm, HERE / "package-lock.json", "oidc-provider")
