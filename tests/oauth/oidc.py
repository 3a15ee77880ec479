"""How is oidc-provider, an OAuth server for Node, installed and run as a peer of the tests?"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

import pytest

from tests.oauth import peer
from tests.oauth.peer import APPLICATIONS, PAGE_ITEMS, PAGES, REDIRECT_URI, Paths, Peer

HERE = Path(__file__).parent / "node"
NODE_MAJOR_MIN = 20  # the first with the Web Crypto that its signatures are made with
INSTALL_S = 180.0  # it takes two seconds; a registry may be slow

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
    lock = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    directory = _cache() / f"oauth-peers-{lock[:16]}"
    with (_cache() / "lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)  # tests run in several processes; the first one installs
        if not directory.exists():
            _install(npm, directory)
    return node, directory / "node_modules"


def _cache() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rounds-tests"
    cache.mkdir(parents=True, exist_ok=True)
    return cache


def _install(npm: str, directory: Path) -> None:
    """Install beside its place and move it there, so that half an installation is never found."""
    beside = directory.with_suffix(".partial")
    shutil.rmtree(beside, ignore_errors=True)  # of a run that was killed: we hold the lock
    beside.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, beside)
    command = [npm, "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(
            command, cwd=beside, capture_output=True, text=True, timeout=INSTALL_S, check=False
        )
    except subprocess.TimeoutExpired:
        _not_installed(f"npm did not end within {INSTALL_S:.0f} s")
    if done.returncode:
        _not_installed(done.stderr[-1000:])
    beside.rename(directory)


def _not_installed(why: str) -> NoReturn:
    sentence = f"oidc-provider could not be installed from npm: {why}"
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)
