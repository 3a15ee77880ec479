"""How does systemd learn that the daemon is ready, or stopping?"""

import os
import socket


def notify(message: str) -> None:
    """Send `READY=1` and the like; nothing where no service manager asked for it."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
        out.sendto(message.encode(), address)
