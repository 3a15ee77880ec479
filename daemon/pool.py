"""Which connections to a provider are there, and may one be used again?

Not one on which more came than an answer has: what is left over would be taken for the answer to
the next request, which may be another tenant's.
"""

import ssl
from typing import Any

import h11
import httpcore

CONNECTIONS_MAX = 8  # large pools of TLS connections cost milliseconds of CPU a request
KEEPALIVE_S = 30.0  # most servers close an idle connection after a minute


class Pool(httpcore.AsyncConnectionPool):
    """httpcore's pool, with our bounds."""

    def __init__(
        self, tls: ssl.SSLContext, doors: httpcore.AsyncNetworkBackend, kept_alive: int
    ) -> None:
        super().__init__(
            ssl_context=tls,
            max_connections=CONNECTIONS_MAX,
            max_keepalive_connections=kept_alive,
            keepalive_expiry=KEEPALIVE_S,
            network_backend=doors,
        )

    def part_with_mixed(self) -> None:
        """Have each connection closed on which something is left over, once its answer is.

        To be called before the answer is closed: then nobody else can have been given it. There is
        no public way from a connection to its h11 state; a test sends what would be mixed up.
        """
        for each in self.connections:
            inner: Any = getattr(each, "_connection", None)
            state: h11.Connection | None = getattr(inner, "_h11_state", None)
            if state is not None and state.their_state is h11.DONE and state.trailing_data[0]:
                state.send_failed()
