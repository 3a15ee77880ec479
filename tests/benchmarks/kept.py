"""How does a program ask a daemon many things over one connection, as it would ask a database?"""

import http.client
import socket
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

ANSWER_S = 60.0


class Kept(http.client.HTTPConnection):
    """One connection to a daemon's socket; a daemon that closes it is connected to anew."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(ANSWER_S)
        self.sock.connect(str(self._path))

    def ask(self, operation: str, query: Mapping[str, str | int]) -> tuple[int, bytes]:
        """A status and an answer."""
        target = f"/v1/{operation}?{urlencode(query)}"
        for patience in (True, False):
            try:
                self.request("GET", target)
                answer = self.getresponse()
                return answer.status, answer.read()
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self.close()  # it closes what was idle, or has answered a thousand times
                if not patience:
                    raise
        raise AssertionError("the second time raises")
