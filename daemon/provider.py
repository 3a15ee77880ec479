"""What does the running daemon have of one provider?"""

from collections.abc import Callable

from msgspec import Struct

from daemon.exchange import PoolStatistics, Send
from daemon.provider_file import ProviderFile


class Provider(Struct, frozen=True, kw_only=True):
    """One provider in force: its file, the way to it, and the way to its token endpoint.

    Token calls go over fresh connections: one that breaks for its age would leave a refresh token
    in doubt for nothing. `statistics` are those of the way.
    """

    file: ProviderFile
    send: Send
    send_token: Send
    statistics: Callable[[], PoolStatistics] = PoolStatistics
