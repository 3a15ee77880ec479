"""Is a provider spoken to only where its certificate is trusted, and the reason named?"""

import ipaddress
import ssl
from datetime import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from daemon.exchange import CallLost
from events.terms import FailureClass
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
        serving(ok([]), tls=_self_signed(tmp_path)[0]) as server,
        transport(declared(server.url), TLS) as wire,
    ):
        with pytest.raises(CallLost) as caught:
            await wire.send(request(server.url))
    assert caught.value.cause is FailureClass.NETWORK
    assert "certificate is not trusted (self-signed certificate)" in caught.value.message
    assert server.asked == []


async def test_a_trusted_certificate_is_taken(tmp_path):
    theirs, ours = _self_signed(tmp_path)
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


def _self_signed(directory: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return a server's context for 127.0.0.1, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1))
        .not_valid_after(datetime(2099, 1, 1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = directory / "server.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    theirs.load_cert_chain(pem)
    return theirs, ssl.create_default_context(cafile=str(pem))
