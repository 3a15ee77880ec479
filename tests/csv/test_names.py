"""Do columns always have names of their own?"""

import csv
import io

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from daemon.csv_file import Csv
from tests.csv.reports import read

pytestmark = pytest.mark.requirement("B11")

cells = st.sampled_from(["", " ", "a", "a ", '"a"', "a_2", "a_2_2", "column_1", "column_2", "b"])


def report(header):
    file = io.StringIO()
    csv.writer(file).writerows([header, range(len(header))])
    return file.getvalue().encode()


@given(st.lists(cells, min_size=1, max_size=8), st.data())
def test_whatever_the_header_and_the_new_names_no_two_columns_collide(header, data):
    assume(any(cell.strip() for cell in header))
    survey, records = read(report(header), Csv(delimiter=","))
    assert len(set(survey.columns)) == len(header)
    assert [*records[0].values()] == [*range(len(header))]

    old = data.draw(st.lists(st.sampled_from(survey.columns), unique=True))
    new = data.draw(st.lists(cells.filter(bool), min_size=len(old), max_size=len(old), unique=True))
    rename = dict(zip(old, new, strict=True))
    renamed, _ = read(report(header), Csv(delimiter=",", rename=rename))
    assert len(set(renamed.columns)) == len(header)
    for before, after in zip(survey.columns, renamed.columns, strict=True):
        assert after == rename.get(before, before) or before in new


def test_a_name_stays_as_it_is_where_no_other_has_it():
    survey, _ = read(report(["b", "a_2", "a", "", "column_4_2"]))
    assert survey.columns == ("b", "a_2", "a", "column_4", "column_4_2")
