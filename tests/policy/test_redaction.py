"""Is nobody's secret left in what is kept of an answer: in no form, and not half of one?"""

import base64
import html
import json
import string
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daemon.redaction import BEYOND_CHARS, FRAGMENT, REDACTED, SHOWN_CHARS, redacted
from daemon.secret import Secret

pytestmark = pytest.mark.requirement("B10")

TOKEN = "hunter2-AND/more+of=it"
FILL = "~"  # is in no secret here, and in no spelling of one

SPELT = {
    "as it is": lambda text: text,
    "upper": str.upper,
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64, one on": lambda text: base64.b64encode(b"x" + text.encode()).decode(),
    "base64, two on": lambda text: base64.b64encode(b"xy" + text.encode() + b"z").decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "Basic": lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
    "URL": lambda text: quote(text, safe=""),
    "URL, twice": lambda text: quote(quote(text, safe=""), safe=""),
    "every byte of a URL": lambda text: "".join(f"%{each:02x}" for each in text.encode()),
    "form": quote_plus,
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON in JSON": lambda text: json.dumps(json.dumps(text))[1:-1],
    "JSON of numbers": lambda text: "".join(f"\\u{ord(each):04x}" for each in text),
    "slashes escaped": lambda text: text.replace("/", "\\/"),
    "HTML": html.escape,
    "HTML of numbers": lambda text: "".join(f"&#{ord(each)};" for each in text),
    "HTML without ends": lambda text: "".join(f"&#x{ord(each):x}" for each in text),
    "braces": lambda text: "".join(f"\\u{{{ord(each):x}}}" for each in text),
    "wide bytes of a URL": lambda text: "".join(f"%u{ord(each):04x}" for each in text),
    "UTF-16 in JSON": lambda text: "".join(f"\\u{ord(each):04x}\\u0000" for each in text),
    "UTF-16": lambda text: text.encode("utf-16-le").decode("latin-1"),
    "repr": repr,
}
"""Independently of how it is recognised."""


def said(body, *secrets, more=False):
    raw = body if isinstance(body, bytes) else body.encode()
    return redacted(raw, [Secret(each) for each in secrets], more=more)[0]


def fragments(text):
    """Of a secret, what would give it away, in lower case."""
    low = text.lower()
    return {low[at : at + FRAGMENT] for at in range(len(low) - FRAGMENT + 1)}


ALPHABET = string.ascii_letters + string.digits + "-_.+/=\"\\&<%:@'"
plain = st.text(ALPHABET, min_size=8, max_size=60)


@pytest.mark.parametrize("spell", SPELT.values(), ids=SPELT)
@given(secret=st.text(ALPHABET, min_size=14), before=st.integers(0, 40), after=st.integers(0, 40))
@example(secret=TOKEN, before=0, after=0)
@example(secret="\\u0041%41&#65;%2541", before=1, after=1)
def test_a_secret_of_ours_is_not_left_however_it_is_spelt(spell, secret, before, after):
    left = said(FILL * before + spell(secret) + FILL * after, secret)
    body = left.replace(REDACTED, FILL).lower()
    assert not [each for each in fragments(secret) if each in body]
    assert len(body.strip(FILL)) < 2 * FRAGMENT + 2, "and what is left of it is no spelling of it"


@given(secret=plain, at=st.integers(-70, 3))
def test_one_that_is_cut_where_the_excerpt_ends_is_not_left_by_half(secret, at):
    start = SHOWN_CHARS + at
    left, more = redacted(
        (FILL * start + secret + FILL * 2 * BEYOND_CHARS).encode(), [Secret(secret)], more=True
    )
    assert more
    assert not left.replace(REDACTED, "").strip(FILL)


@given(secret=plain, arrived=st.integers(0, 59))
def test_one_that_is_cut_where_the_answer_broke_off_is_not_left_by_half(secret, arrived):
    assert not said(FILL * 9 + secret[:arrived], secret, more=True).strip(FILL)


@given(secret=plain, first=st.integers(0, 52), length=st.integers(FRAGMENT, 60))
def test_a_part_of_one_is_not_left_either(secret, first, length):
    part = secret[first : first + length]
    body = said(f"{FILL}{part}{FILL}", secret).replace(REDACTED, FILL).lower()
    assert len(part) < FRAGMENT or part.lower() not in body


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (f"Bearer {TOKEN}", TOKEN),
        ("my pass phrase of words", "my pass phrase of words"),
        (f"Basic {base64.b64encode(f'user:{TOKEN}'.encode()).decode()}", TOKEN),
        (f"Basic {base64.b64encode(b'user:pw42').decode()}", "pw42"),
        ("Basic ~not base 64~", "~not base 64~"),
        ("Basic pässwort", "pässwort"),
        ("1234", "1234"),
        ("geheimes-Schlüsselwort", "geheimes-Schlüsselwort"),
    ],
)
def test_what_a_header_holds_is_known_without_its_scheme(value, told):
    assert said(f"no: {told}!", value) == f"no: {REDACTED}!"


def test_a_scheme_is_no_secret():
    assert said("send it as Bearer", f"Bearer {TOKEN}") == "send it as Bearer"


def test_what_is_no_credential_is_not_looked_for():
    assert said("all is well", "", "l", "is") == "all is well"


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ('{"access_token": "a\\"b c", "n": 1}', f'{{"access_token": {REDACTED}, "n": 1}}'),
        ('{"password":12345,"n":1}', f'{{"password":{REDACTED},"n":1}}'),
        (
            '{"session": {"id": "}x", "of": [1, 2]}, "error": "late"}',
            f'{{"session": {REDACTED}, "error": "late"}}',
        ),
        ('{"session": {"token": {"a": 1}}, "n": 1}', f'{{"session": {REDACTED}, "n": 1}}'),
        ('{"cookies": ["a", "b"', f'{{"cookies": {REDACTED}'),
        (
            '{"said": "{\\"secret\\": \\"ab\\", \\"n\\": 1}"}',
            f'{{"said": "{{\\"secret\\": {REDACTED}, \\"n\\": 1}}"}}',
        ),
        ("token=ab&n=1", f"token={REDACTED}&n=1"),
        ("client_secret%3Dab%26n%3D1", f"client_secret%3D{REDACTED}%26n%3D1"),
        ("Set-Cookie: a=b; c=d\r\nServer: x", f"Set-Cookie: {REDACTED}\\r\nServer: x"),
        ("<api_key>ab</api_key>", f"<api_key>{REDACTED}</api_key>"),
        ("<input name='csrf' value='ab'>", f"<input name='csrf' value={REDACTED}>"),
        ("<auth>ab", f"<auth>{REDACTED}"),
        (
            '<meta name="csrf-token" content="a/b==" />',
            f'<meta name="csrf-token" content={REDACTED} />',
        ),
        ('<token value="ab"/>', f"<token value={REDACTED}/>"),
        ('{"name":"Cookie","value":"a=b; c"}', f'{{"name":"Cookie","value":{REDACTED}}}'),
        ("('Authorization', 'ApiKey ab')", f"('Authorization', {REDACTED})"),
        (
            '<td>HTTP_COOKIE</td><td class="code"><pre>a=b; c</pre></td>',
            f'<td>HTTP_COOKIE</td><td class="code"><pre>{REDACTED}</pre></td>',
        ),
        ("/blob?sv=1&sig=ab%2Fcd&se=2", f"/blob?sv=1&sig={REDACTED}&se=2"),
        ("/v1?key=abcd&n=1", f"/v1?key={REDACTED}&n=1"),
        ('{"key": "days"}', '{"key": "days"}'),
        ("Authorization: ", "Authorization: "),
        ("your session is over", "your session is over"),
        ("Authorization", "Authorization"),
        ("api key = 'ab", f"api key = {REDACTED}"),
        ("see Bearer abcdefgh1 there", f"see Bearer {REDACTED} there"),
        ("it is eyJhbGciOi.eyJzdWIi.sig-na_ture", f"it is {REDACTED}"),
        ("ya29.A0ARrdaM-zk8Xw_q9Lt5VbN2", f"ya29.{REDACTED}"),
        ("ask ada.l+x@example.org now", f"ask {REDACTED} now"),
        ("ask ada%40example.org now", f"ask {REDACTED} now"),
        ("account 12345678, 3 left", f"account {REDACTED}, 3 left"),
        ("call +44 (20) 7946-0958 now", f"call {REDACTED} now"),
        ("since 2026-11-29 12:00:01", "since 2026-11-29 12:00:01"),
        ("error 503, retry in 120 s", "error 503, retry in 120 s"),
        ("&#0; and &#x1; and &amp;", "&#0; and &#x1; and &amp;"),
    ],
)
def test_what_looks_like_anybodys_secret_is_not_left(body, left):
    assert said(body) == left


def test_what_would_move_a_terminals_cursor_is_shown_escaped():
    assert said("\x1b[2J\u202ea\tb\nc\r\x07") == r"\x1b[2J\u202ea" + "\tb\nc" + r"\r\x07"
    assert said(b"\xff\xfea") == r"\xff\xfea"


@given(body=st.binary(max_size=4000), more=st.booleans())
def test_whatever_comes_is_bounded_and_printable(body, more):
    left, cut = redacted(body, [Secret(TOKEN)], more=more)
    assert len(left) <= SHOWN_CHARS * len(REDACTED)
    assert all(each.isprintable() or each in "\n\t" for each in left)
    assert cut or not more


@pytest.mark.parametrize(
    ("length", "shown", "cut"),
    [
        (SHOWN_CHARS, SHOWN_CHARS, False),
        (SHOWN_CHARS + 1, SHOWN_CHARS, True),
        (4 * SHOWN_CHARS, SHOWN_CHARS, True),
    ],
)
def test_it_says_whether_that_was_all(length, shown, cut):
    left, more = redacted(FILL.encode() * length, [], more=False)
    assert (len(left), more) == (shown, cut)
