"""What do the layers around a program's call cost?

The provider is a process of its own that answers over HTTPS on loopback. The limit of a whole call
is httpx alone, on a connection that stays open. The layers by themselves, over a provider that
answers at once, are set beside that: what they take is the share of a call that they add. Breakers
and limiters of others stand beside ours around nothing at all.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import limits
import pybreaker
import trio
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from purgatory import SyncCircuitBreakerFactory

from daemon.app import Daemon, running
from daemon.cache.cache import Cache
from daemon.cache.recent import Recent
from daemon.cache.shelf import Shelf
from daemon.clock import SystemClock
from daemon.commands import OpenBreaker
from daemon.configuration import Configuration, Declared, Settings
from daemon.decide import calling
from daemon.endpoint_file import Endpoint
from daemon.exchange import Request, Response, Send
from daemon.gateway.asking import Wish
from daemon.journal import Bridge
from daemon.limiter import Limiter
from daemon.parts import Parts
from daemon.policy_file import PolicyTables
from daemon.provider import Provider
from daemon.provider_file import ProviderFile
from daemon.rate_file import Rate, RateWindow
from daemon.store.core import Store
from daemon.store.storage import OneThread
from daemon.stream_file import Stream
from daemon.transport import Transport
from daemon.vault import Vault
from events.log import SqliteLog
from tests.benchmarks.figure import Figure, Turn, compare, compare_p99
from tests.rest import certificate

CALLS = 1000
TURNS = 5
NAME = "bench/shop"
FAR_OFF = 10**9  # calls that a limit allows which is never reached
FAR_OFF_MINUTE = 10_000  # the most that programs may be allowed
PATH = "/items/1"
SERVER = """
import http.server, ssl, sys
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
tls.load_cert_chain(sys.argv[1])
server.socket = tls.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


def figures(calls: int = CALLS, turns: int = TURNS) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as name, _serving(Path(name)) as (url, tls):
        bare = _turn(_bare, url, tls, calls)
        yield compare(
            "a program's call over HTTPS, against httpx alone",
            "calls/s",
            _turn(_gateway, url, tls, calls),
            [bare],
            turns,
        )
        yield compare(
            "the layers alone, against a call over HTTPS by httpx (its cost, how many times over)",
            "calls/s",
            _turn(_layers, calls),
            [bare],
            turns,
        )
        for where, recent in (("memory", Recent()), ("the disk", Recent(0, 0))):
            yield compare_p99(
                f"p99 of a stale read from {where} behind an open breaker, against a call by httpx",
                partial(trio.run, _stale, calls, recent),
                lambda: trio.run(_bare_times, url, tls, calls),
                turns,
            )
    yield compare(
        "a read from the cache, against a call of the layers",
        "calls/s",
        _turn(_kept, calls),
        [_turn(_layers, calls)],
        turns,
    )
    yield compare(
        "breaker and limits, against pybreaker and limits, and purgatory and limits",
        "calls/s",
        _turn(_held, calls),
        [_turn(_pybreaker, calls), _turn(_purgatory, calls)],
        turns,
    )


def _turn(work: Any, *arguments: Any) -> Turn:
    return lambda: trio.run(work, *arguments)


@contextmanager
def _serving(directory: Path) -> Iterator[tuple[str, Any]]:
    _, ours = certificate.self_signed(directory)
    command = [sys.executable, "-c", SERVER, str(directory / certificate.PEM)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"https://127.0.0.1:{process.stdout.readline().strip()}", ours
    finally:
        process.kill()
        process.wait()


async def _bare(url: str, tls: Any, calls: int) -> float:
    return calls / sum(await _bare_times(url, tls, calls))


async def _bare_times(url: str, tls: Any, calls: int) -> list[float]:
    times = []
    async with httpx.AsyncClient(verify=tls, trust_env=False, timeout=10) as client:
        await client.get(url + PATH)
        for _ in range(calls):
            began = trio.current_time()
            answer = await client.get(url + PATH)
            times.append(trio.current_time() - began)
            assert answer.content == b"{}"
    return times


async def _gateway(url: str, tls: Any, calls: int) -> float:
    file = _file(url)
    async with Transport(
        file.limits, tls=tls, clock=SystemClock().now, private_hosts=file.private_hosts
    ) as way:
        return await _asked(file, way.send, calls)


async def _layers(calls: int) -> float:
    return await _asked(_file("https://shop.example"), _at_once, calls)


async def _kept(calls: int) -> float:
    kept = {"/items/{id}": Endpoint(fresh_s=3600)}
    return await _asked(_file("https://shop.example", kept), _at_once, calls)


async def _stale(calls: int, recent: Recent) -> list[float]:
    """Reads of what was written and is past its time, by a daemon that asks nobody."""
    times = []
    file = _file("https://shop.example", {PATH: Endpoint()})
    async with _alive(file, _at_once, recent) as daemon:
        ((subject, known),) = daemon.journal.world.connections.items()
        wish = Wish(method="GET", path=PATH)
        await daemon.gateway.call(subject, wish, None)
        await daemon.cache.flush()
        daemon.journal.execute(OpenBreaker(subject=known.provider))
        for _ in range(calls):
            began = trio.current_time()
            answer = await daemon.gateway.call(subject, wish, None)
            times.append(trio.current_time() - began)
            assert answer.brought.stale
    return times


async def _at_once(request: Request) -> Response:
    body = b"[]" if request.stream else b"{}"
    return Response(status=200, headers={}, body=body, duration_ms=1, size=2)


async def _asked(file: ProviderFile, send: Send, calls: int) -> float:
    """Calls one after the other, through a whole daemon but for its socket."""
    async with _alive(file, send) as daemon:
        subject = next(iter(daemon.journal.world.connections))
        wish = Wish(method="GET", path=PATH)
        await daemon.gateway.call(subject, wish, None)
        began = trio.current_time()
        for _ in range(calls):
            answer = await daemon.gateway.call(subject, wish, None)
            assert answer.brought.body == b"{}"
        return calls / (trio.current_time() - began)


@asynccontextmanager
async def _alive(
    file: ProviderFile, send: Send, recent: Recent | None = None
) -> AsyncIterator[Daemon]:
    with tempfile.TemporaryDirectory() as name:
        state = Path(name)
        parts = Parts(
            log=SqliteLog(state),
            store=Store(state / "data"),
            run=OneThread(),
            cache=Cache(Shelf(state / "cache"), OneThread(), recent=recent),
            vault=Vault(state / "vault", os.urandom(32)),
            clock=SystemClock(),
            configuration=Configuration(
                settings=Settings(
                    policy=PolicyTables(caller_reads=FAR_OFF_MINUTE),
                    connections={NAME: Declared(interval="7d")},
                ),
                providers={"shop": file},
                files=(),
            ),
            connect=lambda file: Provider(file=file, send=send, send_token=send),
            bridge=lambda journal: Bridge(journal, trio.lowlevel.current_trio_token()),
            state=state,
            version="benchmark",
        )
        async with running(parts) as daemon:
            yield daemon


def _file(url: str, endpoints: dict[str, Endpoint] | None = None) -> ProviderFile:
    return ProviderFile(
        name="shop",
        base_url=url,
        private_hosts=("127.0.0.1",),
        streams={"days": Stream(path="/days", primary_key=("id",))},
        endpoints=endpoints or {"/items/{id}": Endpoint(cached=False)},
        rate=Rate(windows=(RateWindow(calls=FAR_OFF, per_s=60),)),
    )


async def _held(calls: int) -> float:
    """Ours without the rest: may it leave, as breakers and durable limits say."""
    async with _alive(_file("https://shop.example"), _at_once) as daemon:
        subject = next(iter(daemon.journal.world.connections))
        began = trio.current_time()
        world, clock, limiter = daemon.journal.world, SystemClock(), Limiter(daemon.journal)
        for _ in range(calls):
            assert calling.held(subject, world, clock.now()) is None
            async with limiter.place(subject, reads=True, priority=1):
                _nothing()
        return calls / (trio.current_time() - began)


async def _pybreaker(calls: int) -> float:
    breaker = pybreaker.CircuitBreaker(fail_max=5, reset_timeout=30)
    return _limited(calls, lambda: breaker.call(_nothing))


async def _purgatory(calls: int) -> float:
    breaker = SyncCircuitBreakerFactory(default_threshold=5, default_ttl=30)

    def call() -> None:
        with breaker.get_breaker("shop"):
            _nothing()

    return _limited(calls, call)


def _limited(calls: int, call: Any) -> float:
    limiter = MovingWindowRateLimiter(MemoryStorage())
    item = limits.parse(f"{FAR_OFF}/minute")
    began = trio.current_time()
    for _ in range(calls):
        assert limiter.hit(item, "shop")
        call()
    return calls / (trio.current_time() - began)


def _nothing() -> None:
    pass
