"""Does a wrong file say in one sentence where it is wrong, and show no secret?"""

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from daemon import strict_toml
from daemon.strict_toml import ConfigurationError


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Cat(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="cat"):
    lives: Annotated[int, Meta(ge=1, le=9)] = 9


class Dog(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="dog"):
    tricks: list[str]


class House(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    interval: Annotated[float, Meta(gt=0)] = 1.0
    colour: Colour = Colour.RED
    state: Literal["open", "shut"] = "open"
    name: Annotated[str, Meta(pattern=r"^[a-z]+\Z")] = "a"
    rooms: Annotated[tuple[str, ...], Meta(min_length=1)] = ("kitchen",)
    pet: Cat | Dog | None = None
    pets: dict[Annotated[str, Meta(pattern="^[a-z ]+$")], Cat | Dog] = {}
    guests: list[Cat | Dog] = []
    pair: tuple[int, str] = (1, "a")
    api_key: str = ""
    window: timedelta | None = None
    either: int | str = 0
    free: dict[str, Any] = {}

    def __post_init__(self) -> None:
        if self.name == "haunted":
            raise ValueError("name frightens people")


class Street(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    houses: dict[str, House]


def refusal(tmp_path, text: str | bytes, type_: type = House) -> str:
    path = tmp_path / "rounds.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ConfigurationError) as caught:
        strict_toml.read(path, type_)
    sentence = str(caught.value)
    assert sentence.startswith(f"{path}: ")
    return sentence.removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("intervall = 1", "intervall is not a known key; did you mean interval?"),
        ("interval = 'soon'", 'interval is "soon" (a string), expected a number above 0'),
        ("interval = true", "interval is true (a boolean), expected a number above 0"),
        ("interval = 0", "interval is 0 (an integer), expected a number above 0"),
        ("interval = nan", "interval is nan, expected a finite number"),
        ("free = {x = [1, inf]}", "free.x[1] is inf, expected a finite number"),
        ("colour = 'green'", 'colour is "green" (a string), expected "red" or "blue"'),
        ("state = 'ajar'", 'state is "ajar" (a string), expected "open" or "shut"'),
        ("name = 'A'", 'name is "A" (a string), expected a string matching [a-z]+'),
        ("name = 'haunted'", "name frightens people"),
        ("name = 2026-01-01", "name is 2026-01-01 (a date), expected a string matching [a-z]+"),
        ("name = 10:30:00", "name is 10:30:00 (a time), expected a string matching [a-z]+"),
        ("rooms = 'hall'", 'rooms is "hall" (a string), expected an array of at least 1'),
        ("rooms = []", "rooms is an array of 0, expected an array of at least 1"),
        ("rooms = ['a', 3]", "rooms[1] is 3 (an integer), expected a string"),
        ("rooms = {}", "rooms is a table, expected an array of at least 1"),
        ("pet = 'cat'", 'pet is "cat" (a string), expected a table'),
        ("pet = {}", 'pet.kind is missing, expected "cat" or "dog"'),
        ("pet.kind = 'cow'", 'pet.kind is "cow" (a string), expected "cat" or "dog"'),
        ("pet.kind = 7", 'pet.kind is 7 (an integer), expected "cat" or "dog"'),
        ("pet = {kind = 'cat', lifes = 1}", "pet.lifes is not a known key; did you mean lives?"),
        ("pet = {kind = 'cat', x = 1}", "pet.x is not a known key; known keys are kind, lives"),
        ("pet.kind = 'dog'", "pet.tricks is missing, expected an array, each entry a string"),
        (
            "pets.tom = {kind = 'cat', lives = 10}",
            "pets.tom.lives is 10 (an integer), expected an integer of at least 1 and of at most 9",
        ),
        ("pets.'my cat' = {kind = 'cow'}", 'pets."my cat".kind is "cow" (a string)'),
        ("pets.TOM = {kind = 'cat'}", "pets.TOM is not a possible name"),
        ("[[guests]]\nkind='cat'\n[[guests]]\nkind='dog'\ntricks=1", "guests[1].tricks is 1"),
        ("pair = [1, 2]", "pair[1] is 2 (an integer), expected a string"),
        ("pair = [1]", "pair is an array of 1, expected an array"),
        ("window = 'later'", 'window is "later" (a string), expected a duration'),
        ("either = 1.5", "either is 1.5 (a float), expected an integer or a string"),
        (f"interval = '{'x' * 99}'", f'interval is "{"x" * 40}…" (a string)'),
        ('interval = "a\\u001b[31m"', 'interval is "a\\x1b[31m" (a string)'),
        ("free = 1", "free is 1 (an integer), expected a table"),
    ],
)
def test_the_place_what_was_found_and_what_was_expected_are_named(tmp_path, text, sentence):
    assert refusal(tmp_path, text).startswith(sentence)


def test_the_place_is_named_through_tables_of_tables(tmp_path):
    text = "[houses.red.pets.tom]\nkind = 'cot'"
    assert refusal(tmp_path, text, Street).startswith('houses.red.pets.tom.kind is "cot"')
    text = "[houses.red]\nname = 'haunted'"
    assert refusal(tmp_path, text, Street) == "houses.red: name frightens people"


@pytest.mark.parametrize(
    "text",
    ["api_key = 5150", "api_key = ['hush5150']", "pet = {kind = 'dog', my_token = 'hush5150'}"],
)
def test_what_may_be_secret_is_not_shown(tmp_path, text):
    assert "5150" not in refusal(tmp_path, text)


def test_a_secret_in_the_wrong_type_is_named_but_not_shown(tmp_path):
    assert refusal(tmp_path, "api_key = 5150") == (
        "api_key is an integer (not shown), expected a string"
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a = 1\nb = [", "line 2, column 6: "),
        ("a = 1\nb 2", "line 2, column 3: expected '=' after a key"),
        ("a = 1\na = 2", "line 2, column 6: cannot overwrite a value"),
        (b"a = 1\nb = '\xff'", "line 2 is not valid UTF-8"),
        ("a = " + "[" * 9999, "is nested too deeply"),
        ("a = " + "9" * 9999, "holds a value that TOML does not allow"),
        ("#" * (strict_toml.FILE_BYTES_MAX + 1), "is larger than 1048576 bytes"),
    ],
)
def test_what_is_not_toml_says_in_which_line(tmp_path, text, sentence):
    assert refusal(tmp_path, text).startswith(sentence)


def test_a_file_that_cannot_be_read_says_why(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    for name, sentence in {
        "none": "does not exist",
        ".": "is a directory, expected a TOML file",
        "loop": "cannot be read (Too many levels of symbolic links)",
        "x" * 300: "cannot be read (File name too long)",
    }.items():
        with pytest.raises(ConfigurationError) as caught:
            strict_toml.read(tmp_path / name, House)
        assert str(caught.value) == f"{tmp_path / name}: {sentence}"


def test_a_special_file_is_not_waited_for():
    with pytest.raises(ConfigurationError, match="not a regular file"):
        strict_toml.read(Path("/dev/zero"), House)


def test_a_right_file_is_read(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text("interval = 3\npet = {kind = 'cat'}\nfree = {a = [1, {b = 2}]}\n")
    read = strict_toml.read(path, House)
    assert read == House(interval=3.0, pet=Cat(), free={"a": [1, {"b": 2}]})


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*House.__struct_fields__, "kind", "x"]), inner, max_size=4
        )
    ),
)


@given(st.dictionaries(st.sampled_from([*House.__struct_fields__, "nope"]), values))
def test_any_document_is_taken_or_refused_in_one_line(document):
    try:
        assert strict_toml.convert(document, House, Path("f.toml")) is not None
    except ConfigurationError as refused:
        sentence = str(refused)
    else:
        return
    assert sentence.startswith("f.toml: ")
    assert "\n" not in sentence
    assert " - at `$" not in sentence
