"""Is a connection only ever made to an address that was looked at, and may be connected to?"""

import socket
from ipaddress import ip_address

import pytest
import trio
from trio.abc import HostnameResolver

from daemon.addresses import is_public
from daemon.exchange import CallLost
from daemon.provider_file import Limits
from events.terms import FailureClass
from tests.rest.provider import ok, request, serving, way

PUBLIC = "8.8.8.8"  # what it leads to here is refused with the rest: nothing is sent there
NAME = "inventory.example"


class Names(HostnameResolver):
    """A name server that gives these answers, one after the other, and counts the questions."""

    def __init__(self, *answers: list[str]):
        self.answers = list(answers)
        self.asked: list[str] = []

    async def getaddrinfo(self, host, port, family=0, type=0, proto=0, flags=0):  # noqa: A002
        self.asked.append(host.decode())
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [(socket.AF_INET, type, 6, "", (each, port)) for each in addresses]

    async def getnameinfo(self, sockaddr, flags):
        raise AssertionError("nobody asks for a name")


async def lost(url, **options) -> CallLost:
    async with way(Limits(timeout_s=5), **options) as wire:
        with pytest.raises(CallLost) as caught:
            await wire.send(request(url))
    return caught.value


@pytest.mark.parametrize(
    "address, public",
    [
        (PUBLIC, True),
        ("2001:4860:4860::8888", True),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::808:808", True),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b:1::808:808", False),
        ("2002:7f00:1::", False),
        ("2001:0:7f00:1::", False),
    ],
)
def test_what_is_public_is_known_however_an_address_is_written(address, public):
    assert is_public(ip_address(address)) is public


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "2130706433"])
async def test_an_address_of_this_host_is_refused_unless_the_file_names_it(host):
    async with serving(ok([])) as server:
        url = server.url.replace("127.0.0.1", host)
        loss = await lost(url, private_hosts=())
        assert (loss.cause, loss.sent) == (FailureClass.INVALID, False)
        assert "at an address of this host or its network" in loss.message
        assert "private_hosts" in loss.message
        assert server.asked == []


async def test_one_private_address_among_public_ones_is_enough_to_refuse_a_name():
    trio.socket.set_custom_hostname_resolver(Names([PUBLIC, "127.0.0.1"]))
    async with serving(ok([])) as server:
        loss = await lost(server.url.replace("127.0.0.1", NAME), private_hosts=())
        assert loss.cause is FailureClass.INVALID
        assert NAME in loss.message
        assert server.asked == []


async def test_a_name_is_resolved_once_and_what_it_leads_to_later_changes_nothing():
    names = Names(["127.0.0.1"], ["127.0.0.9"])
    trio.socket.set_custom_hostname_resolver(names)
    async with (
        serving(ok([])) as server,
        way(Limits(), private_hosts=("Inventory.Example",)) as wire,
    ):
        await wire.send(request(server.url.replace("127.0.0.1", NAME)))
    assert names.asked == [NAME]
    assert server.asked[0].headers["host"].startswith(f"{NAME}:")


async def test_an_address_at_which_nobody_listens_costs_the_call_nothing_but_time():
    trio.socket.set_custom_hostname_resolver(Names(["127.0.0.2", "127.0.0.1"]))
    async with serving(ok([])) as server, way(Limits(), private_hosts=(NAME,)) as wire:
        assert (await wire.send(request(server.url.replace("127.0.0.1", NAME)))).status == 200


async def test_a_name_without_an_address_is_said_to_be_unknown():
    loss = await lost("http://no-such-host.invalid/")
    assert loss.cause is FailureClass.NETWORK
    assert "host name is not known" in loss.message


@pytest.mark.requirement("E9")
async def test_a_pool_tells_how_its_connections_are_used():
    async with serving(ok([])) as server, way(Limits()) as wire:
        for _ in range(3):
            await wire.send(request(server.url))
        used = wire.statistics()
    assert (used.calls, used.opened) == (3, 3), "that server hangs up after each answer"
    assert (used.open, used.under_way, used.waiting) == (0, 0, 0)
