"""What can a program ask the daemon?"""

from daemon.client.act import ActOperations
from daemon.client.connections import ConnectionsOperations
from daemon.client.consent import ConsentOperations
from daemon.client.data import DataOperations
from daemon.client.follow import Follow
from daemon.client.gateway import GatewayOperations
from daemon.client.health import HealthOperations
from daemon.client.look import LookOperations
from daemon.client.settings import SettingsOperations
from daemon.client.sources import SourcesOperations
from daemon.client.trouble import TroubleOperations


class Rounds(
    LookOperations,
    HealthOperations,
    TroubleOperations,
    ConsentOperations,
    SourcesOperations,
    ActOperations,
    SettingsOperations,
    ConnectionsOperations,
    DataOperations,
    GatewayOperations,
    Follow,
):
    """The daemon, within `async with`; every operation of its API is a method.

    It is the one at `socket`, or where the command `rounds` would find one. An answer is waited for
    `answer_s`, longer where the question itself says so or looks back. Streams look for a daemon
    that went away for `patience_s`. It may be used from many tasks at once, in one event loop.

    Methods raise `Refused` where the daemon would not do it, `NotRunning` where none is there,
    `TimedOut` and `Unheard` where it may have been done, `NotUnderstood` where the daemon is of
    another version; all of them are `Failed`.
    """
