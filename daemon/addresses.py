"""May a connection be made to where a provider's host name leads?

A name is resolved once, every address that it has is looked at, and the connection is made to one
of those: what a name server says a moment later changes nothing (DNS rebinding).
"""

import ipaddress
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import Any, TypeAlias, cast

import httpcore
import trio

ADDRESSES_MAX = 8  # of one name: nobody waits for more of them
TRY_S = 3.0  # for each address but the last: one that is dead must not cost all the time
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address stands in the last 32 bits
LOCAL = (
    IPv6Network("64:ff9b:1::/48"),  # RFC 8215: a network's own NAT64
    IPv6Network("fec0::/10"),  # RFC 3879: site-local, deprecated and in use
    IPv6Network("::/96"),  # RFC 4291: IPv4-compatible, likewise
    IPv6Network("3fff::/20"),  # RFC 9637: documentation
    IPv6Network("5f00::/16"),  # RFC 9602: segment routing inside a network
)
"""What Python's `is_global` takes for the internet, and is not."""


Address: TypeAlias = IPv4Address | IPv6Address


class Forbidden(OSError):
    """A host's name leads to an address of this host or its network, and nobody allowed that."""


class Guarded(httpcore.AsyncNetworkBackend):
    """Connects where it may. `opened` counts the connections."""

    def __init__(self, private_hosts: Iterable[str] = ()) -> None:
        """Allow these hosts, by name, to be at private addresses."""
        self.opened = 0
        self._private = frozenset(each.lower() for each in private_hosts)
        self._wire = cast("httpcore.AsyncNetworkBackend", httpcore.TrioBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # the signature is httpcore's
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises ConnectError with Forbidden or the resolver's error behind it, ConnectTimeout."""
        try:
            with trio.fail_after(float("inf") if timeout is None else timeout):
                place = {"local_address": local_address, "socket_options": socket_options}
                return await self._connected(host, port, place)
        except trio.TooSlowError as error:
            raise httpcore.ConnectTimeout from error
        except OSError as error:
            raise httpcore.ConnectError from error

    async def sleep(self, seconds: float) -> None:
        await trio.sleep(seconds)

    async def _connected(
        self, host: str, port: int, place: dict[str, Any]
    ) -> httpcore.AsyncNetworkStream:
        addresses = await _resolved(host, port)
        if host.lower() not in self._private and not all(map(is_public, addresses)):
            raise Forbidden(host)
        *others, last = addresses
        for address in others:
            try:
                return await self._wire_to(address, port, timeout=TRY_S, **place)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._wire_to(last, port, **place)

    async def _wire_to(
        self, address: Address, port: int, **options: Any
    ) -> httpcore.AsyncNetworkStream:
        stream = await self._wire.connect_tcp(str(address), port, **options)
        self.opened += 1
        return stream


def is_public(address: Address) -> bool:
    """Whether it is out in the internet, also where an IPv4 address is written as an IPv6 one."""
    inner = _embedded(address)
    if inner is not None:
        return is_public(inner)
    local = isinstance(address, IPv6Address) and any(address in each for each in LOCAL)
    return address.is_global and not (address.is_multicast or local)


def _embedded(address: Address) -> Address | None:
    if isinstance(address, IPv4Address):
        return None
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]


async def _resolved(host: str, port: int) -> list[Address]:
    """Every address of a name, each once, in the resolver's order (RFC 6724)."""
    found = await trio.socket.getaddrinfo(host, port, type=trio.socket.SOCK_STREAM)
    once = dict.fromkeys(str(each[4][0]).partition("%")[0] for each in found)
    return [ipaddress.ip_address(each) for each in once][:ADDRESSES_MAX]
