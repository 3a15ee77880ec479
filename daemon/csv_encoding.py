"""In which encoding is a CSV report, and is it one at all?

By how it begins; its content type counts only where it names a web page or JSON. Reports come as
almost anything else, as `application/octet-stream` and as what spreadsheets are called too.
"""

import codecs
from typing import BinaryIO

from daemon import json_answer
from daemon.csv_file import Encoding

CHUNK_BYTES = 64 * 1024  # read at once, in every pass over a report

BOMS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
BOM = "\ufeff"
UNDEFINED_IN_1252 = bytes([0x81, 0x8D, 0x8F, 0x90, 0x9D])

FOREIGN = {
    b"PK\x03\x04": "a workbook or another zip archive",
    b"\x1f\x8b": "a gzip archive",
    b"%PDF": "a PDF document",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
}
TEXTS = {"<": "a web page or XML", "{": "JSON", "[{": "JSON"}
"""How an answer begins that is no CSV, and what it is."""


class BadCsv(Exception):
    """The report cannot be used as it is. The text is one sentence in our own words."""


def find(file: BinaryIO, declared: Encoding | None, content_type: str = "") -> str:
    """Return the codec's name. Raises BadCsv.

    A byte order mark decides, then what is declared; else it is UTF-8 if the whole report is,
    else windows-1252 if that has all of its bytes.
    """
    file.seek(0)
    head = file.read(CHUNK_BYTES)
    for start, what in FOREIGN.items():
        if head.startswith(start):
            raise _foreign(what)
    encoding = _marked(head) or _declared(head, declared)
    decoder = codecs.getincrementaldecoder(encoding or "utf-8")("replace")
    text = decoder.decode(head).lstrip(BOM + " \t\r\n")
    for beginning, what in TEXTS.items():
        if text.startswith(beginning):
            raise _foreign(what)
    _check_type(content_type, text)
    return encoding or _tried(file)


def _check_type(content_type: str, text: str) -> None:
    """Raise BadCsv for a page, and for JSON that might be taken for a header without rows.

    Gateways call JSON whatever passes through them, so it is looked at whether it is.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if "html" in kind:
        raise _foreign("what it calls a web page")
    if kind.endswith("json") and (text.startswith("[") or _is_json(text)):
        raise _foreign("JSON")


def _is_json(text: str) -> bool:
    try:
        json_answer.decode(text.encode())
    except json_answer.NotJson:
        return False
    return True


def _foreign(what: str) -> BadCsv:
    return BadCsv(
        f"the provider answered with {what} instead of CSV; check base_url, path and params, and"
        " whether the credential still lets us in"
    )


def _marked(head: bytes) -> str | None:
    for mark, encoding in BOMS.items():
        if head.startswith(mark):
            return encoding
    return None


def _declared(head: bytes, declared: Encoding | None) -> str | None:
    """Return the codec, which for UTF-16 without a mark the first character's zero byte decides."""
    if declared == "utf-16":
        return "utf-16-be" if head.startswith(b"\0") else "utf-16-le"
    return declared


def _tried(file: BinaryIO) -> str:
    """Read the whole report as UTF-8, and where that fails as windows-1252.

    Windows-1252 has a meaning for almost all bytes, so it would also take damaged UTF-8: a report
    with any character in proper UTF-8 before the first that is not is refused.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    file.seek(0)
    ascii_only, final = True, False
    while not final:
        chunk = file.read(CHUNK_BYTES)
        final = not chunk
        try:
            ascii_only = decoder.decode(chunk, final).isascii() and ascii_only
        except UnicodeDecodeError as error:
            ascii_only = ascii_only and error.object[: error.start].isascii()
            break
    else:
        return "utf-8"
    if not ascii_only:
        raise BadCsv(
            "the report is damaged or cut off: it begins as UTF-8 and does not go on so; if it is"
            " meant to be so, set encoding in the csv table of the provider's file"
        )
    if not _is_1252(file):
        raise BadCsv(
            "the report is neither UTF-8 nor windows-1252;"
            " set encoding in the csv table of the provider's file"
        )
    return "windows-1252"


def _is_1252(file: BinaryIO) -> bool:
    file.seek(0)
    while chunk := file.read(CHUNK_BYTES):
        if len(chunk.translate(None, UNDEFINED_IN_1252)) < len(chunk):
            return False
    return True
