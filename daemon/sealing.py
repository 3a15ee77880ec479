"""How is a new pair of tokens made durable, even while the disk is full?"""

import trio

from daemon import account
from daemon.account import Kept
from daemon.journal import Journal
from daemon.vault import Vault, VaultFull
from events.ballast import Ballast
from projections.connection import Connection

ROOM_RETRY_S = 1.0  # how often a full disk is tried again while the only token is in memory


async def seal(
    vault: Vault,
    journal: Journal,
    ballast: Ballast | None,
    connection: Connection,
    subject: int,
    *,
    pair: Kept,
) -> None:
    """Seal the pair; give the ballast back for it, then hold on to it until there is room."""
    while True:
        try:
            account.keep(vault, connection, subject, pair)
            break
        except VaultFull:
            if ballast is not None and ballast.held:
                ballast.release()
                continue
            journal.hold("vault")
            await trio.sleep(ROOM_RETRY_S)
    if "vault" in journal.holds:
        journal.release("vault")
    if ballast is not None and not ballast.held:
        ballast.take()
