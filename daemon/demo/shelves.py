"""What do the made-up providers have to tell: parts, orders, weather, a report, a day's steps?"""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from daemon.demo.opening import TENANTS

NAMES = ("bearing", "belt", "bolt", "filter", "gasket", "hinge", "lamp", "valve")
SIZES = ("tiny", "small", "medium", "large", "huge")
ORDERS = 12
DAYS = 14
HOURS = (8, 12, 16, 20)

HEAD = ("Article", "Name", "Stock", "Price", "Price")
ARTICLES = {
    "00417": "Zündkerze",
    "00418": "Glühbirne",
    "00501": "Kühlerdichtung",
    "0077": "Öl 5W-30",
    "10023": "Scheibenwischer",
    "10024": "Türgriff",
}
OLD_ENCODING, NEW_ENCODING = "cp1252", "utf-8-sig"

Record = dict[str, Any]


@dataclass
class Shelf:
    """What one tenant has at the depot. Only the made-up provider itself changes it."""

    parts: list[Record] = field(default_factory=list)
    orders: list[Record] = field(default_factory=list)


def stocked() -> dict[str, Shelf]:
    """Every tenant's shelf as it is in the beginning: the same in each demo, none like another."""
    return {tenant: _shelf(number) for number, tenant in enumerate(TENANTS, 1)}


def business(shelf: Shelf) -> None:
    """Let some time pass: a price rises, a part is new, a part is gone, an order is placed."""
    dearer, gone, *rest = shelf.parts
    number = len(shelf.orders) + 1
    dearer = {**dearer, "price": round(dearer["price"] + 0.5, 2)}
    new = {"sku": f"new-{number}", "name": "solar panel", "stock": 5, "price": 99.0}
    shelf.parts = [*rest, dearer, new]
    shelf.orders.append(_order(number, gone["sku"], gone["stock"]))


def weather() -> list[Record]:
    return [
        {"day": f"2025-06-{day:02d}", "high": 17 + day * 5 % 9, "rain_mm": max(0, day * 7 % 11 - 5)}
        for day in range(1, DAYS + 1)
    ]


def steps(day: date) -> list[Record]:
    """How far somebody went on that day, by the hour: the same whenever it is asked."""
    seed = day.toordinal()
    return [
        {"day": day.isoformat(), "hour": hour, "steps": 300 + seed * hour * 37 % 2900}
        for hour in HOURS
    ]


def report(*, empty: bool) -> str:
    """The stock's articles as it writes them down; an empty report has its header alone."""
    lines = [HEAD] if empty else [HEAD, *map(_article, enumerate(ARTICLES, 1))]
    return "".join(";".join(line) + "\r\n" for line in lines)


def _article(placed: tuple[int, str]) -> tuple[str, ...]:
    """A row: number, name, how many, the net price and the gross one, which is called the same."""
    at, number = placed
    net = 215 * at  # in cents
    prices = (f"{cents // 100},{cents % 100:02d}" for cents in (net, net * 119 // 100))
    return number, ARTICLES[number], str(at * 7 % 20), *prices


def _shelf(number: int) -> Shelf:
    things = [(name, size) for name in NAMES for size in SIZES]
    parts = [_part(name, size, number * 7 + at) for at, (name, size) in enumerate(things)]
    orders = [_order(at, parts[at]["sku"], 1 + at % 4) for at in range(1, ORDERS + 1)]
    return Shelf(parts=parts, orders=orders)


def _part(name: str, size: str, seed: int) -> Record:
    return {
        "sku": f"{name}-{size}",
        "name": f"{size} {name}",
        "stock": seed * 13 % 50,
        "price": round(1 + seed * 37 % 400 / 10, 2),
    }


def _order(number: int, sku: str, quantity: int) -> Record:
    return {"number": number, "sku": sku, "quantity": quantity}
