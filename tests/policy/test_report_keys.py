"""Are a day's keys found again?"""

from projections import report_keys


def eight(number):
    return number.to_bytes(8, "big")


def test_what_was_added_is_found_and_nothing_else_is():
    rows = b""
    for each in (5, 1, 9, 3):
        rows = report_keys.added(rows, eight(each), eight(each * 7))
    assert len(rows) == 4 * report_keys.ROW_BYTES
    for each in range(11):
        wanted = eight(each * 7) if each in {1, 3, 5, 9} else None
        assert report_keys.find(rows, eight(each)) == wanted


def test_a_key_is_not_found_across_the_border_of_two_rows():
    rows = report_keys.added(b"", eight(1), eight(2))
    rows = report_keys.added(rows, eight(3), eight(4))
    assert report_keys.find(rows, eight(2)) is None


def test_the_order_of_adding_does_not_show():
    one = report_keys.added(report_keys.added(b"", eight(1), eight(7)), eight(2), eight(8))
    other = report_keys.added(report_keys.added(b"", eight(2), eight(8)), eight(1), eight(7))
    assert one == other
