"""Is a provider spoken to only where its certificate is trusted, and the reason named?"""

import pytest

from daemon.exchange import CallLost
from events.terms import FailureClass
from tests.rest import certificate
from tests.rest.provider import (
    TLS,
    declared,
    ok,
    request,
    serving,
    transport,
)

SHORT = {"timeout_s": 0.2}


async def test_an_untrusted_certificate_is_named_with_its_reason(tmp_path):
    async with (
        serving(ok([]), tls=certificate.self_signed(tmp_path)[0]) as server,
        transport(declared(server.url), TLS) as wire,
    ):
        with pytest.raises(CallLost) as caught:
            await wire.send(request(server.url))
    assert caught.value.cause is FailureClass.NETWORK
    assert "certificate is not trusted (self-signed certificate)" in caught.value.message
    assert server.asked == []


async def test_a_trusted_certificate_is_taken(tmp_path):
    theirs, ours = certificate.self_signed(tmp_path)
    async with (
        serving(ok([1]), tls=theirs) as server,
        transport(declared(server.url), ours) as wire,
    ):
        assert (await wire.send(request(server.url))).body == b"[1]"


async def test_plain_http_on_a_tls_port_is_named():
    async with serving(b"HTTP/1.1 400 Bad Request\r\n\r\n") as server:
        url = server.url.replace("http://", "https://")
        async with transport(declared(url, limits=SHORT)) as wire:
            with pytest.raises(CallLost) as caught:
                await wire.send(request(url))
    assert caught.value.cause in (FailureClass.NETWORK, FailureClass.TIMEOUT)
