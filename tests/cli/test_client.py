"""Does a stream go on where the daemon dropped a reader that was slow, and end where it must?"""

import socket
import threading

import msgspec
import pytest

from daemon.cli.client import Client
from daemon.cli.ending import Ended, Exit
from tests.cli.world import world

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


def events(*numbers):
    return b"".join(b"id: %d\ndata: {%d}\n\n" % (each, each) for each in numbers)


class Daemon:
    """Answers each question with the next of these, and then hangs up."""

    def __init__(self, path, *answers):
        self.path, self.asked = path, []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        threading.Thread(target=self._serve, args=answers, daemon=True).start()

    def _serve(self, *answers):
        for each in answers:
            taken, _ = self.listener.accept()
            with taken:
                self.asked.append(taken.recv(65536).split()[1].decode())
                taken.sendall(each)
        self.path.unlink()
        self.listener.close()

    def followed(self, again=None):
        """All that came, and how it ended."""
        found = []
        try:
            for each in Client(self.path).follow("tail", again, after=0):
                found.append(each)  # noqa: PERF402 - what came before it ends counts
        except Ended as ended:
            return found, ended
        raise AssertionError("a stream ends by that alone")


def after(last):
    return {"after": last}


@pytest.mark.requirement("F3")
def test_who_was_dropped_asks_again_from_where_it_was_and_what_came_in_part_comes_again(tmp_path):
    cut = events(3)[:-4]
    daemon = Daemon(tmp_path / "s", HEAD + events(1, 2) + cut, HEAD + events(3), HEAD)
    found, ended = daemon.followed(after)
    assert found == [b"{1}", b"{2}", b"{3}"]
    assert daemon.asked == ["/v1/tail?after=0", "/v1/tail?after=2", "/v1/tail?after=3"]
    assert (ended.exit, "went away" in ended.message) == (Exit.NOT_RUNNING, True)


def test_it_is_never_said_to_be_gone_where_it_answers(tmp_path):
    with world() as made:
        made.start()
        status = made.rounds("status", "--json").out.encode()
    assert msgspec.json.decode(status)["now"]
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(status)
    found, ended = Daemon(tmp_path / "s", HEAD, head + status).followed(after)
    assert (found, ended.exit) == ([], Exit.FAILED)
    assert "broke off" in ended.message


def test_what_cannot_be_asked_again_ends_as_it_did(tmp_path):
    found, ended = Daemon(tmp_path / "s", HEAD + events(1)).followed()
    assert (found, ended.exit) == ([b"{1}"], Exit.NOT_RUNNING)
