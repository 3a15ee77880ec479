"""Are the values of a watched field what they usually are, or has its unit or meaning changed?

What versions wrote is likened in *lots*: a version with the fewest of those before it that together
are enough, then the next ones before these, and so on. The figures of the last lot are likened to
those of the lots before it (see `value_figures`).
"""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from projections import value_figures, value_sketch
from projections.drift import Rule
from projections.value_figures import LOTS_ENOUGH, Figure, ValueWord
from projections.value_sketch import Measures, Sketch

LOT_ROWS = 20  # that are a lot: more tell no more of another unit
LOT_VERSIONS = 7  # that are one with fewer rows, too: a week of days with a row each
LOTS_MAX = 30  # before one: what they were longer ago says less of now
VERSIONS_ENOUGH = 21  # in those: of daily ones, three weeks, so that two weekends are whole
RECENT = 14  # versions that are judged where not all are asked for: so far back goes a `since`


class FieldVerdict(Struct, frozen=True, kw_only=True):
    """What is said of a field, as of the version that wrote last.

    Its lot has so many `rows` of so many `versions`; `lots` with so many rows and versions lie
    before. So it has been `since` that version.
    """

    field: str
    word: ValueWord
    version: int
    since: int
    versions: int
    rows: int
    lots: int
    versions_before: int
    rows_before: int
    figures: list[Figure] = []


class Lot(Struct, frozen=True, kw_only=True):
    """What some versions in a row wrote."""

    versions: int
    sketch: Sketch


Written = Sequence[tuple[int, Sketch]]
"""A field's values in each version that wrote some, the oldest first."""


def lineage(kept: Sequence[tuple[int, Measures]]) -> list[tuple[int, Measures]]:
    """Those versions, of all in order, that led to the last one: none that was taken back.

    A rollback leads on from the version that it went back to, and wrote nothing itself.
    """
    found, upto = [], None
    for version, measures in reversed(kept):
        if upto is not None and version > upto:
            continue
        if measures.back is not None:
            upto = measures.back
        else:
            found.append((version, measures))
    return found[::-1]


def written(lineage: Sequence[tuple[int, Measures]], field: str) -> Written:
    return [
        (version, measures.fields[field])
        for version, measures in lineage
        if field in measures.fields
    ]


def judge(field: str, written: Written, index: int, rule: Rule) -> FieldVerdict:
    """As of one version, by what lay before it, whatever was said of those."""
    version, lots = written[index][0], _lots(written, index)
    rows = sum(sketch.rows for _, sketch in written[: index + 1])
    now = lots[0] if lots else None
    found = FieldVerdict(
        field=field,
        word=ValueWord.NOT_ENOUGH,
        version=version,
        since=version,
        versions=now.versions if now else index + 1,
        rows=now.sketch.rows if now else rows,
        lots=max(0, len(lots) - 1),
        versions_before=sum(each.versions for each in lots[1:]),
        rows_before=sum(each.sketch.rows for each in lots[1:]),
    )
    if found.lots < LOTS_ENOUGH or found.versions_before < VERSIONS_ENOUGH:
        return found
    figures = value_figures.figures([each.sketch for each in lots], rule)
    words = {each.word for each in figures}
    graver = (ValueWord.SHIFTED, ValueWord.RECURRING, ValueWord.STEADY)
    return replace(found, word=next(each for each in graver if each in words), figures=figures)


def unknown(field: str) -> FieldVerdict:
    """Of a field that no version has written yet."""
    return FieldVerdict(
        field=field,
        word=ValueWord.NOT_ENOUGH,
        version=0,
        since=0,
        versions=0,
        rows=0,
        lots=0,
        versions_before=0,
        rows_before=0,
    )


def follow(found: list[FieldVerdict], verdict: FieldVerdict) -> None:
    """Add one to those of the versions before it: since when it is so."""
    if found and found[-1].word is verdict.word:
        verdict = replace(verdict, since=found[-1].since)
    found.append(verdict)


def _lots(written: Written, index: int) -> list[Lot]:
    """The newest first, each large enough; what is left over at the other end is in none."""
    lots: list[Lot] = []
    some: list[Sketch] = []
    rows = 0
    for _, sketch in written[index::-1]:
        some.append(sketch)
        rows += sketch.rows
        if rows >= LOT_ROWS or len(some) >= LOT_VERSIONS:
            lots.append(Lot(versions=len(some), sketch=value_sketch.join(some)))
            some, rows = [], 0
        if len(lots) > LOTS_MAX:
            break
    return lots
