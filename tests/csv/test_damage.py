"""Does a damaged report give records or one sentence, and nothing else?"""

import io
import random

import msgspec
import pytest

from daemon import csv_report
from daemon.csv_file import Csv
from daemon.csv_report import BadCsv
from tests.csv.reports import CORPUS, outcome, read

pytestmark = pytest.mark.requirement("B11")

TABLES = [
    Csv(),
    Csv(ragged="pad", decimal=","),
    Csv(delimiter=",", encoding="windows-1252", nulls=()),
    Csv(delimiter=";", encoding="utf-16", skip_lines=1),
    Csv(header=False, columns=("a", "b"), types={"b": "number"}),
    Csv(types={"Qty": "integer"}, rename={"SKU": "sku"}),
]
SECRET = "s3cr3t"


def damaged(content, dice):
    """Flip bits, cut, repeat, mix: what disks, lines and proxies do."""
    content = bytearray(content)
    for _ in range(dice.randint(1, 4)):
        place = dice.randrange(len(content) + 1)
        match dice.randrange(5):
            case 0:
                del content[place:]
            case 1:
                content[place:place] = dice.choice([b'"', b"\r", b"\n", b",", b"\0", b"\xff", b"<"])
            case 2 if place < len(content):
                content[place] ^= 1 << dice.randrange(8)
            case 3:
                content += content[place : place + 40]
            case 4:
                del content[place : place + dice.randint(1, 10)]
    return bytes(content)


@pytest.mark.parametrize("name", sorted(CORPUS))
def test_damage_gives_records_or_a_refusal(name):
    dice = random.Random(name)
    for round_ in range(60):
        content = CORPUS[name] if round_ < len(TABLES) else damaged(CORPUS[name], dice)
        check(content, TABLES[round_ % len(TABLES)])


def check(content, csv):
    out = outcome(content, csv)
    if isinstance(out, BadCsv):
        assert str(out).isascii()
        assert str(out).isprintable()
        assert out.__context__ is None, "what the provider wrote would stand there"
        return
    survey, records = out
    msgspec.json.encode(records)  # whatever was read can be kept
    assert all(tuple(record) == survey.columns for record in records)
    assert read(content, csv, survey.types) == (survey, records)


@pytest.mark.parametrize(
    "content",
    [
        f'{SECRET},b\n{SECRET},"{SECRET}',
        f'{SECRET},b\n{SECRET},"{SECRET}" {SECRET}\n',
        f"{SECRET},b\n{SECRET}\n",
        f"{SECRET},b\n{SECRET},{SECRET},{SECRET}\n",
        f"{SECRET},qty\n{SECRET},{SECRET}\n",
        f"{SECRET},b\n{SECRET},\0{SECRET}\n",
        f"{SECRET},b\n{SECRET},{SECRET}\udc81\n",
        f"{SECRET},é\n{SECRET},{SECRET}\udcff\n",
        f"{SECRET * 100},b\n",
        f"<{SECRET}>",
        f'{{"error": "{SECRET}"}}',
        f"sep=:\n{SECRET}\n",
    ],
)
def test_a_refusal_holds_nothing_that_the_provider_wrote(content):
    csv = Csv(types={"qty": "integer"} if "qty" in content else {}, encoding="utf-8")
    for each in (csv, msgspec.structs.replace(csv, encoding=None)):
        refusal = outcome(content.encode("utf-8", "surrogateescape"), each)
        assert isinstance(refusal, BadCsv)
        assert SECRET not in str(refusal)
        assert refusal.__context__ is None


def test_a_refusal_comes_after_the_records_before_it():
    """So who takes them must be able to drop them."""
    file = io.BytesIO(b"sku,qty\n" + b"A-1,5\n" * 10 + b"A-2,many\n")
    csv = Csv(types={"qty": "integer"})
    batches = csv_report.records(file, csv, csv_report.survey(file, csv, {}), 4)
    assert [len(next(batches)), len(next(batches))] == [4, 4]
    with pytest.raises(BadCsv, match="row 12, column 2"):
        next(batches)
