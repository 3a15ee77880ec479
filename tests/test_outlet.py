"""Can whatever reads the log lines hold the daemon up?"""

import os

from daemon import outlet
from daemon.outlet import Outlet


def test_lines_arrive_whole_and_in_order():
    reading, writing = os.pipe()
    out = Outlet(writing)
    for number in range(100):
        out.write(f"{number} \ud800\n")
    out.drain()
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as read:
        assert read.read().splitlines() == [f"{number} ?" for number in range(100)]


def test_a_reader_that_is_gone_costs_lines_and_nothing_else():
    reading, writing = os.pipe()
    os.close(reading)
    out = Outlet(writing)
    out.write("nobody hears this\n")
    out.drain()
    os.close(writing)


def test_a_full_disk_costs_lines_and_nothing_else():
    full = os.open("/dev/full", os.O_WRONLY)
    out = Outlet(full)
    out.write("there is no room for this\n")
    out.drain()
    os.close(full)


def test_a_reader_that_does_not_read_holds_nobody_up_and_is_told_what_it_missed(monkeypatch):
    monkeypatch.setattr(outlet, "LINES_MAX", 10)
    reading, writing = os.pipe()
    out = Outlet(writing)
    line = "x" * 65_535 + "\n"  # a pipe holds no more than that
    for _ in range(30):
        out.write(line)
    taken = b""
    while b"log-lines-lost" not in taken:
        taken += os.read(reading, 65_536)
        out.write("\n")
    out.drain()
    os.close(writing)
    os.close(reading)
