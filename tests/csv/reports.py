"""What do the tests of CSV reports share? Bytes in; records, or the refusal, out."""

import io
from pathlib import Path

from daemon import csv_report
from daemon.csv_file import Csv
from daemon.csv_report import BadCsv

CORPUS = {path.stem: path.read_bytes() for path in Path(__file__).with_name("corpus").iterdir()}


def read(content: bytes, csv: Csv | None = None, known: dict[str, str] | None = None, size=1000):
    """The survey and all records of a report."""
    file, csv = io.BytesIO(content), csv or Csv()
    survey = csv_report.survey(file, csv, known or {})
    batches = list(csv_report.records(file, csv, survey, size))
    assert all(0 < len(batch) <= size for batch in batches)
    records = [record for batch in batches for record in batch]
    assert len(records) == survey.rows
    return survey, records


def outcome(content: bytes, csv: Csv):
    """The same, or the refusal. Any other exception is one."""
    try:
        return read(content, csv)
    except BadCsv as refusal:
        return refusal
