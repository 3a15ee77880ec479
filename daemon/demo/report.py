"""What is told of a report: is a CSV file read as it was meant, and an empty one refused?"""

from codecs import BOM_UTF8

from daemon.demo import evidence
from daemon.demo.claims import expect, failed, in_force, succeeded
from daemon.demo.opening import Mood
from daemon.demo.stage import Stage
from daemon.demo.voice import Voice
from daemon.demo.witness import Witness
from events.terms import FailureClass

STOCK = "garage/stock"

TYPES = (
    "SELECT Article, typeof(Article) AS type, Stock, Price, Price_2 FROM stock_articles"
    " ORDER BY Article LIMIT 3"
)
NAMES = "SELECT Article, Name FROM stock_articles ORDER BY Article"


def chapter(stage: Stage, witness: Witness, voice: Voice) -> None:
    voice.chapter("A report instead of an API")
    report = stage.report()
    expect(b";Price;Price\r\n" in report, "two columns of one name, and semicolons")
    expect(not _is_utf8(report), "a report that is not in UTF-8")
    voice.say(
        "The garage's `stock` has no API, but writes a CSV report: semicolons, decimal commas,",
        "umlauts in Windows-1252, two columns called Price. Of all that, its provider's file says",
        'one thing, decimal = ",". The rest is found out.',
    )
    added = witness.add(STOCK)
    succeeded(witness.follow(STOCK, added - 1), "the report to be read")
    table = evidence.select(stage.state, TYPES)
    expect(all(row[1] == "text" for row in table.rows), "articles' numbers to be text")
    expect(table.rows[0][0] == "00417", "leading zeros to be kept")
    names = evidence.select(stage.state, NAMES).rows
    expect(names == _names(report.decode("cp1252")), "each name to be as it was written")
    voice.table(table.columns, table.rows)
    voice.say(
        "The zeros in front are kept, the second Price has a name of its own, and every umlaut is",
        "right. Then another program writes the report, in UTF-8 behind a byte order mark:",
    )
    _another_program(stage, witness, voice)


def _another_program(stage: Stage, witness: Witness, voice: Voice) -> None:
    stage.business("stock")
    expect(stage.report().startswith(BOM_UTF8), "a report with a byte order mark")
    articles = succeeded(witness.sync(STOCK), "the new report to be read").captured["articles"]
    expect(articles.unchanged == articles.rows > 0, "the same articles in both reports")
    voice.say("The articles are the same. One morning, their header comes alone:")
    stage.mood("stock", Mood.EMPTY)
    failed(witness.sync(STOCK), FailureClass.EMPTY)
    stage.mood("stock", Mood.FINE)
    expect(in_force(witness.connection(STOCK)) == {"articles": articles.rows}, "rows to stay")
    with witness.hearing():
        succeeded(witness.sync(STOCK), "the report to be read again")


def _is_utf8(report: bytes) -> bool:
    try:
        report.decode()
    except UnicodeDecodeError:
        return False
    return True


def _names(report: str) -> list[tuple[str, ...]]:
    """Number and name of each article, by number."""
    return sorted(tuple(line.split(";")[:2]) for line in report.splitlines()[1:])
