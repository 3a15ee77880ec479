"""How is the daemon started, and with which words and exit code does it end?

Exit codes: 0 stopped in good order, 1 our own failure, 74 the log or store failed under us (start
again: it replays), 75 another daemon is in the way, 78 something is wrong that a person must mend.
"""

import argparse
import os
import shutil
import signal
import ssl
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

import structlog
import trio
from msgspec.structs import replace

from daemon import configuration, core_dumps, host_lock, logs, past_worker, places, rotation
from daemon.app import running
from daemon.cache.cache import Cache
from daemon.cache.shelf import Shelf, ShelfUnusable
from daemon.clock import SystemClock
from daemon.configuration import Configuration
from daemon.control.desk import Desk
from daemon.control.http_server import serve
from daemon.control.operation import Role
from daemon.control.server import application
from daemon.duration import duration
from daemon.host_lock import InUse
from daemon.ingest import port
from daemon.journal import Bridge, Journal, LogBroken
from daemon.notify import notify
from daemon.outlet import Outlet
from daemon.parts import Parts
from daemon.past_process import PastProcess
from daemon.past_worker import SNAPSHOTS
from daemon.places import Places
from daemon.provider import Provider
from daemon.provider_file import Limits, ProviderFile
from daemon.read_model.filling import NAME
from daemon.store.core import Store, StoreBroken, StoreFull
from daemon.store.schema import StoreUnusable
from daemon.store.storage import OneThread
from daemon.strict_toml import ConfigurationError
from daemon.transport import Transport
from daemon.vault import VaultFull, VaultUnusable, open_vault
from events.ballast import Ballast
from events.codec import UnreadableEvent
from events.log import LogUnusable, SqliteLog
from events.snapshots import Snapshots

IO_FAILED, IN_USE, UNUSABLE, INTERRUPTED = 74, 75, 78, 130
FULL_BYTES = 256 * 1024  # less than a start's own files may need
HEAD_EVERY_S = 60.0
HARD_STOP_S = 60.0  # beyond `stop_within`, what hangs is ended: longer than any token calls last
TOKEN_LIMITS = Limits(timeout_s=20.0, body_bytes_max=64 * 1024)  # a stop waits for two such calls
SWITCH_S = 0.0005  # threads change places often, so that the log's writer is not kept waiting

log = structlog.get_logger()


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    core_dumps.forbid()
    asked = _arguments()
    found = places.find(os.environ)
    if asked.config:
        found = replace(found, config=asked.config)
    settings: Configuration | None = None
    outlet = Outlet(1)
    try:
        if asked.config and not os.path.lexists(asked.config):
            raise ConfigurationError(f"{asked.config}: does not exist")
        settings = configuration.load(found.config)
        if asked.check:
            sys.stdout.write(_summary(found, settings))
            return
        logs.set_up(outlet)
        sys.setswitchinterval(SWITCH_S)
        trio.run(_serve, found, settings)
    except* (
        ConfigurationError,
        LogUnusable,
        UnreadableEvent,
        StoreUnusable,
        VaultUnusable,
        StoreFull,
        VaultFull,
    ) as many:
        _end_for_lack_of_room(found, settings)
        _end(UNUSABLE, many)
    except* InUse as many:
        _end(IN_USE, many)
    except* (LogBroken, StoreBroken) as many:
        _end(IO_FAILED, many)
    except* KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    finally:
        outlet.drain()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="roundsd", description="Keep connections synced, healthy and accountable."
    )
    parser.add_argument("--config", type=Path, help="the configuration file to read")
    parser.add_argument("--check", action="store_true", help="read the configuration, and exit")
    parser.add_argument("--version", action="version", version=f"roundsd {version('rounds')}")
    return parser.parse_args()


def _summary(found: Places, settings: Configuration) -> str:
    files = ", ".join(str(file) for file in settings.files) or f"{found.config} (not there)"
    return (
        f"{files}: good; {len(settings.own)} providers of your own, "
        f"{len(settings.settings.connections)} connections\n"
    )


def _end_for_lack_of_room(found: Places, settings: Configuration | None) -> None:
    """A disk that is full mends itself or is mended; what it made fail does not need a person.

    The ballast is given back, so that the next start can open its files and say in `status` why
    nothing starts.
    """
    named = settings.settings.state if settings else None
    state = Path(named or found.state)
    if not state.is_dir() or shutil.disk_usage(state).free >= FULL_BYTES:
        return
    Ballast(state / "ballast").release()
    sys.stderr.write(
        f"roundsd: the disk that holds {state} is full; free some space, then start it again\n"
    )
    raise SystemExit(IO_FAILED)


def _end(code: int, many: BaseExceptionGroup[Exception]) -> None:
    error: BaseException = many
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    sys.stderr.write(f"roundsd: {error}\n")
    raise SystemExit(code)


async def _serve(found: Places, settings: Configuration) -> None:
    state = Path(settings.settings.state or found.state)
    socket = Path(settings.settings.socket or found.socket)
    found = replace(found, state=state, socket=socket)
    _make_state(state)
    host_lock.lock(state)
    async with AsyncExitStack() as stack:
        ways = await _connect(settings, state, stack)
        parts = _open(found, settings, ways, stack)
        listener = trio.SocketListener(
            trio.socket.from_stdlib_socket(host_lock.listen(socket, shared=bool(settings.rules)))
        )
        stack.callback(socket.unlink, missing_ok=True)
        await _run(parts, found, listener)


async def _run(parts: Parts, found: Places, listener: trio.SocketListener) -> None:
    """Serve until told to stop. Signals are heeded before anybody is told that we are ready."""
    stop_within = duration(parts.configuration.settings.sync.stop_within)
    async with running(parts) as daemon:
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async with trio.open_nursery() as nursery:
                desk = Desk.of(daemon, parts.vault, parts.configuration, found, parts.version)
                await nursery.start(serve, application(desk, Role.ADMIN), listener)
                await port.open_if_asked(desk, nursery)
                nursery.start_soon(_note_heads, daemon.journal)
                notify("READY=1")
                seq = daemon.journal.head.seq
                log.info("ready", socket=str(found.socket), state=str(found.state), seq=seq)
                await _until_told(signals, stop_within)
                notify("STOPPING=1")
                nursery.cancel_scope.cancel()


async def _connect(
    settings: Configuration, state: Path, stack: AsyncExitStack
) -> dict[str, Provider]:
    """A way to each provider, and one to its token endpoint; they share what is dear to build."""
    tls, now = ssl.create_default_context(), SystemClock().now
    ways = {}
    for name, file in settings.providers.items():
        private = file.private_hosts
        wire = Transport(
            file.limits, tls=tls, clock=now, rate=file.rate, spool=state, private_hosts=private
        )
        token_wire = Transport(
            TOKEN_LIMITS, tls=tls, clock=now, kept_alive=0, private_hosts=private
        )
        ways[name] = Provider(
            file=file,
            send=(await stack.enter_async_context(wire)).send,
            send_token=(await stack.enter_async_context(token_wire)).send,
            statistics=wire.statistics,
        )
    return ways


def _open(
    found: Places,
    settings: Configuration,
    ways: dict[str, Provider],
    stack: AsyncExitStack,
) -> Parts:
    """Open every file, in the order in which they depend on each other."""
    vault = open_vault(found.state, found.credentials)
    stack.callback(vault.close)
    rotation.finish(vault)
    event_log = SqliteLog(found.state)
    stack.callback(event_log.close)
    store = Store(found.state / "data")
    stack.callback(store.close)
    shelf = _shelf(found.state / "cache")
    stack.callback(shelf.close)
    folds = past_worker.version()
    cache = Cache(shelf, OneThread(), settings.settings.cache.bytes_max)

    def connect(file: ProviderFile) -> Provider:
        return ways[file.name]

    def bridge(journal: Journal) -> Bridge:
        return Bridge(journal, trio.lowlevel.current_trio_token())

    return Parts(
        log=event_log,
        store=store,
        run=OneThread(),
        vault=vault,
        clock=SystemClock(),
        configuration=settings,
        connect=connect,
        bridge=bridge,
        state=found.state,
        version=version("rounds"),
        cache=cache,
        snapshots=Snapshots(found.state / SNAPSHOTS, folds),
        run_snapshots=OneThread(),
        past=PastProcess(found.state, folds),
        read=found.state / NAME,
        run_scribe=OneThread(),
        run_reading=OneThread(),
        run_beside=OneThread(),
    )


def _shelf(path: Path) -> Shelf:
    """Nothing depends on what is kept there: a file that cannot be used stops nobody."""
    try:
        return Shelf(path)
    except ShelfUnusable as error:
        log.warning("cache-unusable", path=str(path), reason=str(error))
        return Shelf(None)


def _make_state(state: Path) -> None:
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigurationError(
            f"the state directory {state} cannot be made ({error.strerror}); name another one with "
            "`state` in the configuration, or with STATE_DIRECTORY"
        ) from error


async def _until_told(signals: AsyncIterator[int], stop_within: timedelta) -> None:
    number = await anext(signals)
    log.info("stopping", signal=signal.Signals(number).name)
    _end_in_time(stop_within / timedelta(seconds=1) + HARD_STOP_S, os._exit)


def _end_in_time(seconds: float, end: Callable[[int], object]) -> None:
    """Whatever hangs, the process ends: nothing acknowledged is lost by it."""
    timer = threading.Timer(seconds, end, args=(1,))
    timer.daemon = True
    timer.start()


async def _note_heads(journal: Journal) -> None:
    """Say once a minute how far the log has come, so that a rewritten file shows elsewhere."""
    noted = 0
    while True:
        await trio.sleep(HEAD_EVERY_S)
        if journal.head.seq > noted:
            noted = journal.head.seq
            log.info("log-head", seq=noted, hash=journal.block.hex())


if __name__ == "__main__":
    main()
