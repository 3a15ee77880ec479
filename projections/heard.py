"""Which of a source's last reports, by their own time, say that it does well, or ill?

Whatever the order in which they arrive, the same ones are kept. What tells of neither, such as the
depth of a queue alone, is not among them.
"""

from datetime import datetime

from msgspec import Struct

from events.sources import Figures, Health, ReportReceived

WELL_KEPT = 2  # as many as close what is said of ill ones; what lies before them is over
HEARD_KEPT = 400  # four times the highest threshold for what fails: more is no graver


class Heard(Struct, frozen=True, kw_only=True, array_like=True):
    """Event `seq` is a report as of `at`."""

    at: datetime
    ill: bool
    seq: int


def evolve(row: tuple[Heard, ...], event: ReportReceived, seq: int) -> tuple[Heard, ...]:
    """One more, at its place."""
    ill = is_ill(event.figures)
    if ill is None:
        return row
    new = Heard(at=event.reported, ill=ill, seq=seq)
    after = sorted((*row, new), key=lambda each: (each.at, each.ill, each.seq))
    well = [place for place, each in enumerate(after) if not each.ill]
    if len(well) > WELL_KEPT:
        after = after[well[-WELL_KEPT] :]
    return tuple(after[-HEARD_KEPT:])


def is_ill(figures: Figures) -> bool | None:
    """Whether a report says that it is unhealthy, or brings errors; None where it tells nothing."""
    if figures.health is Health.UNHEALTHY or figures.errors:
        return True
    word = None if figures.health is Health.UNKNOWN else figures.health
    told = (word, figures.errors, figures.syncs, figures.records)
    return None if all(each is None for each in told) else False
