"""What does a vault hold whose daemon died while a connection moved? It dies again at every line.

    python -m tests.moved STATE DIRECTORY

copies the state into the directory for every line of what settles a move at the start, and settles
it there in a process that dies at that line.
"""

import os
import shutil
import sys
from itertools import count
from pathlib import Path

import msgspec

from daemon import account, relinking
from daemon.relinking import MOVE, Move
from daemon.secret import Secret
from daemon.vault import Vault, open_vault
from projections.connection import Connection
from projections.world import World
from tests.dying import kill_at_line

OLD, NEW = "acme/fitbit", "acme/google_health"
CREDENTIAL, PAIR = "s3cr3t-of-the-old-one", "pair-of-the-old-one"
TO = Move(name=NEW, provider=0, credential="for-the-new-one", settings={"host": "eu"})


def subjects(vault: Vault) -> tuple[int, int, int, int]:
    """Tenant, both providers, and the connection by whichever name it has."""
    tenant, *providers = (
        vault.enrol("tenant", "acme"),
        vault.enrol("provider", "fitbit"),
        vault.enrol("provider", "google_health"),
    )
    connection = vault.subject("connection", NEW) or vault.enrol("connection", OLD)
    return tenant, providers[0], providers[1], connection


def intend(vault: Vault) -> None:
    """What lies in a vault from the moment at which a move is intended."""
    tenant, _, there, connection = subjects(vault)
    vault.seal(tenant, connection, account.CREDENTIAL, Secret(CREDENTIAL))
    vault.seal(tenant, connection, account.GRANT, Secret(PAIR))
    text = msgspec.json.encode(msgspec.structs.replace(TO, provider=there)).decode()
    vault.seal(tenant, connection, MOVE, Secret(text))


def world(vault: Vault, *, moved: bool) -> World:
    """What the log says."""
    tenant, before, there, connection = subjects(vault)
    known = Connection(tenant=tenant, provider=there if moved else before)
    return World(connections={connection: known})


def main() -> None:
    state, directory = map(Path, sys.argv[1:])
    for number in count(1):
        victim = directory / f"{number:04}"
        shutil.copytree(state, victim)
        pid = os.fork()
        if not pid:
            vault = open_vault(victim, None)
            known = world(vault, moved=True)
            kill_at_line(number, "settle")
            relinking.settle(known, vault)
            os._exit(0)
        if not os.WIFSIGNALED(os.waitpid(pid, 0)[1]):
            return


if __name__ == "__main__":
    main()
