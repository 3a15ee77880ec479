"""Does who types `rounds request` learn what came of it, by words and by exit code?"""

import pytest

from tests.cli.world import world

pytestmark = pytest.mark.requirement("E6")

KEY = {"primary_key": ["date"]}


@pytest.fixture(scope="module")
def daemon():
    with world("acme/orders", "acme/keyed_orders", "acme/old_orders") as made:
        more = {"streams": {"days": {"path": "/days", **KEY}}}
        made.home.provide("orders", made.provider.url, **more)
        made.home.provide(
            "keyed_orders", made.provider.url, idempotency_header="Idempotency-Key", **more
        )
        made.home.provide("old_orders", made.provider.url, retired=True, successor="orders", **more)
        made.provider.forms["/entries"] = lambda _: (200, {})
        away = {"Location": "https://elsewhere.example/"}
        made.provider.routes["/moved"] = lambda *_: (302, {}, away)
        made.provider.routes["/gone"] = lambda *_: (410, {})
        made.start()
        yield made


def test_a_key_that_its_provider_does_not_know_is_refused(daemon):
    line = ("POST", "/entries", "--data", "a line", "--key", "order-7")
    typed = daemon.rounds("request", "acme/orders", *line)
    assert (typed.code, typed.out) == (2, "")
    assert "nothing was sent: the file of orders names no header for a key" in typed.err
    assert "idempotency_header" in typed.err
    assert daemon.rounds("request", "acme/keyed_orders", *line).code == 0


def test_a_redirect_that_is_not_followed_ends_with_1(daemon):
    typed = daemon.rounds("request", "acme/orders", "GET", "/moved")
    assert typed.code == 1
    assert typed.err.startswith("302 from the provider")


def test_a_path_that_is_gone_is_not_called_a_provider_that_is(daemon):
    typed = daemon.rounds("request", "acme/orders", "GET", "/gone")
    assert typed.code == 1
    assert typed.err.splitlines()[1] == "what is at this path is gone for good (410)"
    typed = daemon.rounds("request", "acme/old_orders", "GET", "/gone")
    assert typed.err.splitlines()[1] == (
        "what is at this path is gone for good (410); the provider was switched off for good: "
        "type `rounds connection relink acme/old_orders`"
    )


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("@{}/none", "the body cannot be read from {}/none: No such file or directory"),
        ("@{}/odd", "{}/odd is not text in UTF-8, and a body has to be"),
        ("@{}/large", "the request's body has at most 49,152 characters"),
    ],
)
def test_a_body_that_cannot_be_sent_is_refused_with_a_sentence(daemon, tmp_path, given, why):
    (tmp_path / "odd").write_bytes(b"\xff\xfe")
    (tmp_path / "large").write_text("a" * (48 * 1024 + 1))
    data = given.format(tmp_path)
    typed = daemon.rounds("request", "acme/orders", "POST", "/entries", "--data", data)
    assert typed.code == 2
    assert typed.err.startswith(f"rounds: {why.format(tmp_path)}")
