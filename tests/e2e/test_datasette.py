"""A real provider's data arrives whole, in the right types, and every change of it once."""

from contextlib import closing

from tests.e2e import datasette
from tests.e2e.daemon import running

WEATHER, AIRPORTS = 1461, 3376


def typed(rows):
    """Rows with the type of each value: 1 is not 1.0, and neither is "1"."""
    return [{name: (type(value), value) for name, value in row.items()} for row in rows]


def counts(line):
    names = ("fetched", "added", "changed", "removed", "unchanged", "duplicates", "rows")
    return {name: line[name] for name in names if line[name]}


async def captured(daemon, connection="acme/datasette", stream="days"):
    """Sync once more, and return the counts that were recorded for the stream."""
    ending = await daemon.sync(connection)
    assert ending["event"] == "sync-succeeded"
    return counts(await daemon.said("records-captured", sync=ending["sync"], stream=stream))


async def test_every_row_arrives_once_in_the_types_that_people_expect(home):
    async with datasette.serving(home.root, "weather", "airports") as source:
        datasette.declare(home, source, size=1000, days="weather", airports="airports")
        home.configure("acme/datasette")
        async with running(home) as daemon:
            first = await daemon.said("sync-started")
            assert (await daemon.ending(first["seq"]))["records"] == WEATHER + AIRPORTS
            days = await daemon.said("records-captured", stream="days")
            airports = await daemon.said("records-captured", stream="airports")
            assert counts(days) == {"fetched": WEATHER, "added": WEATHER, "rows": WEATHER}
            assert counts(airports) == {"fetched": AIRPORTS, "added": AIRPORTS, "rows": AIRPORTS}
            assert (days["pages"], airports["pages"]) == (2, 4)
            shown = await daemon.ask(
                "data", connection="acme/datasette", stream="days", limit=WEATHER
            )
            assert shown["rows"] == WEATHER
        published = sorted(datasette.published("weather"), key=lambda row: row["date"])
        assert typed(datasette.seen(home, "days")) == typed(published)
        published = sorted(datasette.published("airports"), key=lambda row: row["iata"])
        assert typed(datasette.seen(home, "airports")) == typed(published)
        assert shown["records"] == datasette.published("weather")[: len(shown["records"])]
        with closing(home.open("data")) as connection:
            types = connection.execute(
                "SELECT DISTINCT typeof(date), typeof(wind), typeof(weather) FROM datasette_days"
            ).fetchall()
        assert types == [("text", "real", "text")]


async def test_what_did_not_change_is_not_written_again_and_what_did_is_found(home):
    async with datasette.serving(home.root, "weather") as source:
        datasette.declare(home, source, size=500, days="weather")
        home.configure("acme/datasette")
        async with running(home) as daemon:
            await daemon.said("sync-succeeded")
            before = home.records()
            same = {"fetched": WEATHER, "unchanged": WEATHER, "rows": WEATHER}
            assert await captured(daemon) == same
            assert home.records() == before

            with source.open() as db:
                db["weather"].update("2012/01/02", {"wind": 99.5})
                db["weather"].insert({"date": "2016/01/01", "wind": 1.0, "weather": "fog"})
                db["weather"].delete("2013/07/01")
            changes = {"added": 1, "changed": 1, "removed": 1, "unchanged": WEATHER - 2}
            assert await captured(daemon) == {"fetched": WEATHER, "rows": WEATHER, **changes}
            assert typed(datasette.seen(home, "days")) == typed(source.rows("weather"))
            assert home.records()[1] == before[1] + 2, "history grows by what changed, no more"
            assert await captured(daemon) == same


async def test_a_column_that_comes_or_goes_at_the_source_is_survived(home):
    async with datasette.serving(home.root, "weather", rows_max=200) as source:
        datasette.declare(home, source, size=100, days="weather")
        home.configure("acme/datasette")
        async with running(home) as daemon:
            await daemon.said("sync-succeeded")
            with source.open() as db:
                db["weather"].add_column("stations", int)
                db["weather"].update("2012/01/02", {"stations": 7})
            everything = {"fetched": 200, "changed": 200, "rows": 200}
            assert await captured(daemon) == everything
            assert typed(datasette.seen(home, "days")) == typed(source.rows("weather"))

            with source.open() as db:
                db["weather"].transform(drop={"wind"})
            before = datasette.seen(home, "days")
            assert (await daemon.sync("acme/datasette"))["event"] == "sync-failed"
            assert datasette.seen(home, "days") == before, "somebody has to look first"
            await daemon.tell("quarantine-accept", "acme/datasette", stream="days")
            assert await captured(daemon) == {"fetched": 200, "unchanged": 200, "rows": 200}
            gone = [{**row, "wind": None} for row in source.rows("weather")]
            assert typed(datasette.seen(home, "days")) == typed(gone)


async def test_two_tenants_share_a_view_and_nothing_else(home):
    async with datasette.serving(home.root, "weather", rows_max=300) as source:
        datasette.declare(home, source, size=100, days="weather")
        home.configure("north/datasette")
        async with running(home) as daemon:
            await daemon.said("sync-succeeded")
            with source.open() as db:
                db["weather"].update("2012/01/02", {"weather": "locusts"})
            await daemon.tell("add", "south/datasette")
            await daemon.said("sync-succeeded", subject=(await subject(daemon, "south/datasette")))
            north = datasette.seen(home, "days", "north")
            south = datasette.seen(home, "days", "south")
            assert len(north) == len(south) == 300
            assert south == source.rows("weather")
            assert [each for each in north if each not in south] == [north[1]]
            assert north[1]["weather"] == "rain"
            assert await captured(daemon, "north/datasette") == {
                "fetched": 300,
                "changed": 1,
                "unchanged": 299,
                "rows": 300,
            }
            assert datasette.seen(home, "days", "north") == south
            owners = {(row["tenant"], row["connection"]) for row in home.view("datasette_days")}
            assert owners == {("north", "north/datasette"), ("south", "south/datasette")}


async def subject(daemon, connection):
    answer = await daemon.ask("connection", connection=connection)
    return answer["connection"]["subject"]
