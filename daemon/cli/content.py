"""What does a request's body hold that somebody types, and where does an answer's go?"""

import base64
import os
import sys
from pathlib import Path
from typing import TypeAlias

import click
import msgspec

from daemon.cli import screen
from daemon.cli.ending import Ended, Exit
from daemon.control.gateway_messages import CONTENT_BYTES_MAX

STANDARD_INPUT = frozenset({"-", "@-"})

Fields: TypeAlias = dict[str, str | bytes]

output = click.option(
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write the body to this file, byte for byte, instead of standard output.",
)


def read(data: str) -> bytes:
    """What is given with --data: a text itself, @FILE, or standard input. Raises Ended."""
    if data not in STANDARD_INPUT and not data.startswith("@"):
        content = os.fsencode(data)  # as it was typed, also where it is not in UTF-8
    else:
        content = _read(data)
    if len(content) > CONTENT_BYTES_MAX:
        most = f"at most {CONTENT_BYTES_MAX:,} bytes (1 MiB)"
        raise Ended(Exit.USAGE, f"nothing was sent: a request's body has {most}")
    return content


def fields(content: bytes) -> Fields:
    """As which field of a request it is sent: text that is short in JSON, else in base 64."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return {"body_base64": content}
    short = len(msgspec.json.encode(text)) <= len(msgspec.json.encode(content))
    return {"body": text} if short or not content else {"body_base64": content}


def whole(text: str | None, base_64: str | None) -> bytes:
    """The bytes of an answer's body, in whichever of the two it came."""
    return base64.b64decode(base_64) if base_64 is not None else (text or "").encode()


def check(path: Path | None) -> None:
    """Look whether an answer can be written there, before anything is sent. Raises Ended."""
    if path is None:
        return
    place = path if path.exists() else path.parent
    if path.is_dir():
        why = "it is a directory"
    elif not place.exists():
        why = "there is no such directory"
    elif not os.access(place, os.W_OK):
        why = "you may not write there"
    else:
        return
    raise Ended(Exit.USAGE, f"nothing was done: the body cannot be written to {path}: {why}")


def put(content: bytes, path: Path | None) -> None:
    """Write a body to the file, or to standard output. Raises Ended."""
    if path is None:
        screen.content(content)
        return
    try:
        path.write_bytes(content)
    except OSError as error:
        raise Ended(
            Exit.FAILED, f"the answer came, and cannot be written to {path}: {error.strerror}"
        ) from None


def _read(data: str) -> bytes:
    """What a file holds, or what comes on standard input; a byte more than may be sent at most."""
    stdin = data in STANDARD_INPUT
    place = "standard input" if stdin else data.removeprefix("@")
    if not place:
        raise Ended(Exit.USAGE, "nothing was sent: --data @ names no file; write @FILE, or -")
    try:
        with sys.stdin.buffer if stdin else Path(place).open("rb") as opened:
            return opened.read(CONTENT_BYTES_MAX + 1)
    except OSError as error:
        why = f"the body cannot be read from {place}: {error.strerror}"
        raise Ended(Exit.USAGE, f"nothing was sent: {why}") from None
