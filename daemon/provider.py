"""What does the running daemon have of one provider?"""

from msgspec import Struct

from daemon.exchange import Send
from daemon.provider_file import ProviderFile


class Provider(Struct, frozen=True, kw_only=True):
    """One provider in force: its file, the way to it, and the way to its token endpoint.

    Token calls go over fresh connections: one that breaks for its age would leave a refresh token
    in doubt for nothing.
    """

    file: ProviderFile
    send: Send
    send_token: Send
