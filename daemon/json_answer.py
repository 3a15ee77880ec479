"""What does an answer's body say, as JSON, and in which encoding?

JSON between systems is UTF-8 (RFC 8259, section 8.1), and most of what comes is. A byte order mark
or a zero byte among the first ones tells UTF-16 and UTF-32, which older RFCs allowed; a charset
counts only where the body is no UTF-8, since many servers name one that they do not use.
"""

import codecs
import re
from typing import Any, BinaryIO

import msgspec

HEAD_BYTES = 64  # enough to tell an encoding, and what is no JSON at all
CHUNK_BYTES = 64 * 1024

_MARKS = {  # a mark of UTF-32 begins with one of UTF-16
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_ZEROS = {  # RFC 4627, section 3: JSON begins with two characters of ASCII
    rb"\0\0\0[^\0]": "utf-32-be",
    rb"[^\0]\0\0\0": "utf-32-le",
    rb"\0[^\0]": "utf-16-be",
    rb"[^\0]\0": "utf-16-le",
}
_CHARSETS = {
    "iso-8859-1": "iso-8859-1",
    "latin1": "iso-8859-1",
    "iso-8859-15": "iso-8859-15",
    "windows-1252": "windows-1252",
}


class NotJson(Exception):
    """The body is not whole, well-formed JSON."""


def decode(body: bytes, content_type: str = "") -> Any:
    """Return the body's JSON. Raises NotJson, which holds nothing of the body."""
    try:
        return msgspec.json.decode(_utf8(body, content_type))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        loss = NotJson()
    raise loss


def is_page(head: bytes, content_type: str) -> bool:
    """Say whether it is a web page, or XML, by its type or by how it begins."""
    mark, encoding = _told(head)
    text = head.removeprefix(mark).decode(encoding or "latin-1", "ignore")
    return "html" in content_type.lower() or text.lstrip().startswith("<")


def recoded(file: BinaryIO, content_type: str) -> "Recoded":
    """Return a reader of the file, from its start, whose bytes are UTF-8."""
    file.seek(0)
    mark, encoding = _told(file.read(HEAD_BYTES))
    if encoding is None and (named := _named(content_type)) and not _is_utf8(file):
        encoding = named
    file.seek(len(mark))
    return Recoded(file, encoding)


class Recoded:
    """Reads a file as UTF-8, whatever it is written in."""

    def __init__(self, file: BinaryIO, encoding: str | None) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder(encoding)() if encoding else None

    def read(self, size: int) -> bytes:
        """Return some bytes more, about that many; none at the end. Raises NotJson."""
        if self._decoder is None:
            return self._file.read(size)
        try:
            while True:
                raw = self._file.read(size)
                text = self._decoder.decode(raw, final=not raw)
                if text or not raw:
                    return text.encode()
        except UnicodeError:
            loss = NotJson()
        raise loss


def _utf8(body: bytes, content_type: str) -> bytes:
    mark, encoding = _told(body[:HEAD_BYTES])
    if encoding is not None:
        return body[len(mark) :].decode(encoding).encode()
    if (named := _named(content_type)) is None:
        return body[len(mark) :]
    try:
        body.decode()
    except UnicodeDecodeError:
        return body.decode(named).encode()
    return body[len(mark) :]


def _told(head: bytes) -> tuple[bytes, str | None]:
    """Return the byte order mark, and the encoding if it is not UTF-8, as the bytes tell them."""
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return mark, None if encoding == "utf-8" else encoding
    for zeros, encoding in _ZEROS.items():
        if re.match(zeros, head, re.DOTALL):
            return b"", encoding
    return b"", None


def _named(content_type: str) -> str | None:
    found = re.search(r'charset\s*=\s*"?([\w.-]+)', content_type, re.IGNORECASE | re.ASCII)
    return _CHARSETS.get(found[1].lower()) if found else None


def _is_utf8(file: BinaryIO) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    file.seek(0)
    try:
        while chunk := file.read(CHUNK_BYTES):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
