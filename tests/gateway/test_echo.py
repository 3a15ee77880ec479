"""Is a secret known again in an answer, however it is written there?"""

import base64
import json
from urllib.parse import quote

import pytest

from daemon import echo
from daemon.secret import Secret

pytestmark = pytest.mark.requirement("A16")

LONG = 'c/0123456789abcdef0123+"%\\&'
SHORT = 'pine"apple%'


def basic(pair):
    return "Basic " + base64.b64encode(pair.encode()).decode()


@pytest.mark.parametrize("secret", [LONG, SHORT])
@pytest.mark.parametrize("scheme", ["", "Bearer "])
@pytest.mark.parametrize(
    "spell",
    [
        str,
        json.dumps,
        quote,
        lambda text: f"x={quote(text, safe='')}",
        lambda text: text.encode().hex(),
        lambda text: text.encode().hex().upper(),
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: base64.urlsafe_b64encode(f"x:{text}.".encode()).decode(),
        lambda text: base64.b64encode(f"xy:{text}".encode()).decode(),
    ],
)
def test_it_is_known_again(secret, scheme, spell):
    said = f"you sent {spell(secret)}!"
    assert echo.repeats([Secret(scheme + secret)], {}, said.encode())
    assert echo.repeats([Secret(scheme + secret)], {"location": said}, b"")
    assert not echo.repeats([Secret(scheme + secret)], {"location": "/"}, b"you sent something")


@pytest.mark.parametrize("secret", [LONG, SHORT])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16"])
def test_it_is_known_again_in_wide_characters(secret, encoding):
    assert echo.repeats([Secret(secret)], {}, f"you sent {secret}!".encode(encoding))


def test_a_password_is_known_again_with_and_without_its_base64():
    secret = Secret(basic("me:correct-horse"))
    assert echo.repeats([secret], {}, b"your password correct-horse")
    assert echo.repeats([secret], {}, basic("me:correct-horse").encode())
    assert not echo.repeats([secret], {}, b"me")
    assert not echo.repeats([Secret("Basic not base64!")], {}, b"me")


def test_what_is_short_stands_anywhere():
    assert not echo.repeats([Secret("abc")], {}, b"abc")
    assert not echo.repeats([], {}, b"abc")
