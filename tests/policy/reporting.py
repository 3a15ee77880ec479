"""The vocabulary of scenes in which a source reports."""

from datetime import date

from daemon import commands
from daemon.commands.sources import Report
from daemon.decide.reporting import KEPT
from daemon.source_file import PATTERNS
from events import sources
from events.sources import Figures, Pattern
from tests.policy.transcript import NOON, TENANT, given

PHONE, UPLOADS = 8, 9
ANDROID, MANUAL = PATTERNS[Pattern.ANDROID], PATTERNS[Pattern.MANUAL]
ADDED = sources.SourceAdded(tenant=TENANT, expectation=ANDROID)
THERE = ((PHONE, ADDED),)


def keyed(number):
    return f"{number:016x}"


def report(number=1, at=NOON, **figures):
    return Report(reported=at, key=keyed(number), figures=Figures(**figures))


def take(*reports, source=PHONE):
    return commands.TakeReports(subject=source, reports=reports)


def received(number=1, at=NOON, kept_since=None, **figures):
    return sources.ReportReceived(
        reported=at,
        key=keyed(number),
        figures=Figures(**figures),
        kept_since=kept_since or (NOON - KEPT).date(),
    )


def source(*past):
    """The slice of the phone after all this."""
    return given(*THERE, *past).world.sources[PHONE]


def day(text):
    return date.fromisoformat(text)
