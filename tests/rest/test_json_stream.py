"""Does a large answer, read record by record, say the same as if it were decoded whole?"""

import io
import json
import sys
from decimal import Decimal

import jmespath
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daemon import json_answer, json_place, json_stream, selector
from daemon.json_answer import HEAD_BYTES, NotJson
from daemon.json_stream import Reading, TooLarge

TYPE = "application/json"


class Dripping(io.BytesIO):
    """A file that gives a few bytes at a time, once its head was looked at."""

    def __init__(self, content: bytes, size: int):
        super().__init__(content)
        self._size = size

    def read(self, size: int | None = -1) -> bytes:
        return super().read(size if size == HEAD_BYTES else self._size)


def streamed(content: bytes, keys=(), size=65536, content_type=TYPE):
    reading = Reading(Dripping(content, size), keys, content_type)
    found = [record for batch in reading.batches() for record in batch]
    there = reading.rest
    for key in keys:
        there = there.get(key) if isinstance(there, dict) else None
    return found if isinstance(there, list) else [], reading.rest  # its last value counts


def whole(content: bytes, keys=(), content_type=TYPE):
    document = json_answer.decode(content, content_type)
    outer, inner = None, document
    for key in keys:
        outer, inner = inner, inner.get(key) if isinstance(inner, dict) else None
    if not isinstance(inner, list):
        return [], document
    if outer is None:
        return inner, []
    outer[keys[-1]] = []
    return inner, document


def outcome(read, *args, **more):
    """What came of it; types count, so that 1 is not 1.0 and not True."""
    try:
        return repr(read(*args, **more))
    except NotJson:
        return "no JSON"


numbers = st.one_of(
    st.integers(),
    st.integers(-(10**40), 10**40),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, -0.0, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63) - 1]),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, st.text())
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=12,
)
rows = st.lists(st.dictionaries(st.text(max_size=6), values, max_size=4), max_size=6)
spaces = st.sampled_from([None, 1, "\t"])


@given(rows, values, spaces, st.integers(1, 40), st.booleans())
def test_any_document_comes_out_the_same_in_both_ways(found, beside, space, size, plain):
    content = json.dumps({"a": beside, "data": {"items": found, "n": 1}, "z": beside}, indent=space)
    content = content if plain else content.encode().decode()
    for text, keys in ((content, ("data", "items")), (json.dumps(found, indent=space), ())):
        got = outcome(streamed, text.encode(), keys, size)
        assert got == outcome(whole, text.encode(), keys)


number_texts = st.from_regex(
    r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?", fullmatch=True
)


@given(number_texts)
@example("9" * 300)
@example("9" * (sys.get_int_max_str_digits() + 1))
@example("1e400")
@example("-1e400")
@example("1e-400")
@example("0.1")
@example("-0")
@example("-0.0")
@example("18446744073709551616")
@example("12345678901234567.5")
@example("1E5")
def test_any_number_is_the_same_number_of_the_same_type(text):
    content = f'[{{"n": {text}}}]'.encode()
    got = outcome(streamed, content)
    assert got == outcome(whole, content)
    if got != "no JSON":
        ((record,), _) = streamed(content)
        number = record["n"]
        assert number == (float(text) if isinstance(number, float) else int(Decimal(text)))


alphabet = st.sampled_from(
    [*'[]{},:"\\ \n', "1", "-", "a", "n", "data", '"data"', "null", "\xe9", "\0"]
)


@given(st.lists(alphabet, max_size=30).map("".join), st.integers(1, 9))
@example('{"data": [1], "data": 5}', 3)
@example('{"data": {"data": [1]}}', 3)
@example('{"data": 5, "data": [1]}', 3)
@example('{"data" [1]}', 3)
@example('{"data":: [1]}', 3)
@example('{"data": x[1]}', 3)
@example('{"data": [1}, "x": 2]', 3)
@example('{"data": [[1}, {2]]}', 3)
@example('[{"data": [1]}]', 3)
@example('{"d\\u0061ta": [1]}', 3)
@example('{"x": "data", "y": [1]}', 3)
@example('{"x": ["data"], "data": [1]}', 3)
@example('{"data": [1,]}', 3)
@example('{"data": [,]}', 3)
@example('{"data": [ ]}', 3)
@example('{"data": [1] [2]}', 3)
@example('{"data": [1]} {}', 3)
@example('{"data": ["', 3)
@example('{"data": ["\\', 3)
@example('{"data": ["]}', 3)
@example('{"data": [', 3)
@example("]]]", 3)
@example("}{", 3)
@example("", 3)
def test_any_text_is_refused_in_both_ways_or_comes_out_the_same(text, size):
    content = text.encode("utf-8")
    for keys in ((), ("data",)):
        got = outcome(streamed, content, keys, size)
        if got != "no JSON" or text.count("a") < 2:  # a key that comes twice is refused here alone
            assert got == outcome(whole, content, keys)


def test_a_list_whose_key_comes_twice_is_refused():
    for text in (b'{"data": [1], "data": [2]}', b"[1][2]"):
        with pytest.raises(NotJson):
            streamed(text, () if text.startswith(b"[") else ("data",))


@given(st.binary(max_size=60), st.integers(1, 9))
def test_any_bytes_are_refused_or_read(content, size):
    for around in (b"%s", b'[{"id": "%s"}]'):
        text = around.replace(b"%s", content)
        assert outcome(streamed, text, (), size) == outcome(whole, text)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"]
)
@pytest.mark.parametrize("size", [1, 3, 65536])
def test_what_is_written_in_any_unicode_is_read(encoding, size):
    content = json.dumps([{"id": "é€😀"}], ensure_ascii=False).encode(encoding)
    assert streamed(content, (), size) == ([{"id": "é€😀"}], [])
    assert json_answer.decode(content) == [{"id": "é€😀"}]


@pytest.mark.parametrize(
    ("content", "content_type", "expected"),
    [
        ("é".encode("latin-1"), 'application/json; charset="ISO-8859-1"', "é"),
        ("€".encode("cp1252"), "text/json;charset=windows-1252", "€"),
        ("é€".encode(), "application/json; charset=iso-8859-1", "é€"),
        ("é".encode("latin-1"), "application/json", None),
        ("é".encode("latin-1"), "application/json; charset=klingon", None),
        ("é".encode("latin-1"), "application/json; charset=../../etc", None),
        (b"\x81", "application/json; charset=windows-1252", None),
    ],
)
def test_a_charset_counts_only_where_it_is_no_utf_8(content, content_type, expected):
    text = b'[{"id": "' + content + b'"}]'
    wanted = "no JSON" if expected is None else repr(([{"id": expected}], []))
    assert outcome(streamed, text, content_type=content_type) == wanted
    assert outcome(whole, text, content_type=content_type) == wanted


@pytest.mark.parametrize("size", [1, 2, 3])
def test_half_a_character_is_no_json(size):
    content = '[{"id": "é"}]'.encode("utf-16")
    for cut in (1, 3, 5):
        assert outcome(streamed, content[:-cut], (), size) == "no JSON"
        assert outcome(whole, content[:-cut]) == "no JSON"


@pytest.mark.parametrize(
    "text",
    [b'[{"id": "%s"}]', b'{"x": "%s", "data": []}', b'{"data": [], "x": "%s"}', b'{"%s": 1}'],
)
@pytest.mark.parametrize("size", [5, 65536])
def test_a_part_that_is_too_large_to_be_held_is_not_held(monkeypatch, text, size):
    monkeypatch.setattr(json_stream, "PART_BYTES_MAX", 100)
    monkeypatch.setattr(json_stream, "CHUNK_BYTES", 50)
    keys = () if text.startswith(b"[") else ("data",)
    with pytest.raises(TooLarge):
        streamed(text.replace(b"%s", b"a" * 100_000), keys, size)


def test_nesting_has_an_end():
    for text in (b"[" * 100_000, b'[{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}]"):
        assert outcome(streamed, text) == "no JSON"


@pytest.mark.parametrize(
    ("expression", "keys", "each"),
    [
        ("@", (), None),
        ("[]", (), "[]"),
        ("data", ("data",), None),
        ("data.items_2", ("data", "items_2"), None),
        ("data.items[]", ("data", "items"), "[]"),
        ("data.edges[].node.x", ("data", "edges"), "[].node.x"),
        ("@[].node", (), "[].node"),
        ("a[*].b", ("a",), "[*].b"),
        ("a[?b]", ("a",), "[?b]"),
        ("a[].merge(@, c)", ("a",), "[].merge(@, c)"),
        ("a.b || `[]`", ("a", "b"), None),
        ("a ||\n`[ ]`", ("a",), None),
        ("(a || `[]`)[?b != `7`].c", ("a",), "[?b != `7`].c"),
        ("( a||`[]` )[].{id: b, c: d[0]}", ("a",), "[].{id: b, c: d[0]}"),
    ],
)
def test_a_plain_path_can_be_read_one_at_a_time(expression, keys, each):
    place = json_place.of(expression)
    assert place is not None
    assert (place.keys, place.each) == (keys, each)


@pytest.mark.parametrize(
    "expression",
    [
        '"a-b"',
        "a || b",
        "a || `[1]`",
        "a || b || `[]`",
        "(a || b)[].c",
        "a[] || `[]`",
        "(a || `[]`)[].b || c",
        "a[].b | [0]",
        "a[?b] | sort(@)",
        "a[?b][]",
        "a[0]",
        "a[1:]",
        "a[].b[]",
        "a[",
        "sort(a)",
        "a | b",
        "*",
    ],
)
def test_any_other_expression_wants_the_whole(expression):
    assert json_place.of(expression) is None


@given(
    st.lists(values | st.fixed_dictionaries({"node": values}), max_size=8),
    st.sampled_from(
        [
            "data",
            "data[]",
            "data[].node",
            "data[].node.id",
            "data[*].node",
            "data[?node]",
            "data[?node.id > `1`].node",
            "data || `[]`",
            "(data || `[]`)[].{is: node, also: @}",
            "(data || `[]`)[?node != `null`].not_null(node.id, node, '')",
        ]
    ),
    st.integers(1, 3),
)
def test_what_each_part_selects_is_what_the_whole_expression_does(found, expression, size):
    place = json_place.of(expression)
    assert place is not None
    parts = [found[at : at + size] for at in range(0, len(found), size)]
    chosen = [
        each
        for part in parts
        for each in (part if place.each is None else selector.select(place.each, part))
    ]
    assert repr(chosen) == repr(selector.select(expression, {"data": found}))


RECORDS = [
    "data || `[]`",
    "more.data || `[]`",
    "(data || `[]`)[?id]",
    "(data || `[]`)[].merge(@, {also: id || ''})",
    "data[?id]",
    "data[].merge(@, more)",
    "data[].join('', [id, ''])",
]
ENTRIES = st.dictionaries(st.sampled_from(["id", "more"]), values, max_size=2)
FOUND = values | st.lists(ENTRIES, max_size=4) | st.fixed_dictionaries({"data": st.lists(ENTRIES)})
DOCUMENTS = st.dictionaries(st.sampled_from(["data", "more", "id"]), FOUND, max_size=3) | FOUND


@given(DOCUMENTS, st.sampled_from(RECORDS))
def test_a_stream_takes_of_any_document_what_jmespath_selects(document, expression):
    """Also where the list is missing, null, empty, or no list at all."""
    place = json_place.of(expression)
    assert place is not None
    text = json.dumps(document).encode()
    reading = Reading(io.BytesIO(text), place.keys, TYPE)
    parts = [part for batch in reading.batches() for part in ([each] for each in batch)]
    assert _tried(lambda: _of_parts(parts, place, expression, reading.rest)) == _tried(
        lambda: jmespath.search(expression, json_answer.decode(text))
    )


def _of_parts(parts, place, expression, rest):
    found = [each for part in parts for each in _chosen(place, part)]
    left = selector.select(expression, rest)
    return found + left if isinstance(left, list) else left


def _chosen(place, part):
    return part if place.each is None else selector.select(place.each, part)


def _tried(select):
    try:
        return repr(select())
    except (selector.BadExpression, jmespath.exceptions.JMESPathError, TypeError, ValueError):
        return "it does not apply"
