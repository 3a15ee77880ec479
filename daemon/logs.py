"""How does the daemon tell operators what it does? One JSON object a line.

Redaction here is a second line of defence: secrets are a type that cannot be printed, and nothing
that providers say is logged. What still looks like a credential is struck out.
"""

import re
import sys
from collections.abc import MutableMapping
from functools import lru_cache
from typing import Any, TextIO, cast

import msgspec
import structlog
from structlog.typing import ExcInfo

from daemon.outlet import Outlet

STRUCK = "[struck out]"
NAME = (
    r"authorization|cookie|credential|pass(?:word|wd|phrase)|secret|token|signature|private"
    r"|(?:api|access)[_-]?key"
)
SECRET_NAME = re.compile(rf"(?i)(?:^|[_.-]|(?-i:(?<=[a-z0-9])(?=[A-Z])))(?:{NAME})")
SECRET_TEXT = re.compile(
    r"(?i)(?=[abcepst?&#;:])(?:"  # how one can begin: most places are passed over at once
    r"\b(?:bearer|basic|token|apikey)\s+[a-z0-9+/=._~-]{8,}"
    r"|(?:authorization|cookie)\s{0,3}:[^\r\n]+"
    rf"|(?:{NAME})[\w.-]{{0,40}}[\"']?\s{{0,3}}[=:]\s{{0,3}}(?:\"[^\"]*\"|'[^']*'|[^&\s;,]+)"
    r"|[?&#;][^=&\s]{0,40}(?:key|sig)[^=&\s]{0,40}=[^&\s]+"
    r"|(?<![a-z0-9])(?-i:eyJ)[\w-]{8,}\.[\w-]+\.[\w-]*"
    r"|://[^/?#\s]*@)"
)
DEPTH_MAX = 6
NAMES_KEPT = 1024  # names of fields of which is known whether they are a credential's
NUMBERS = frozenset({int, float, bool, type(None)})

_encoder = msgspec.json.Encoder()


def set_up(stream: TextIO | Outlet | None = None) -> None:
    """Write to `stream`, standard output by default; for people where that is a terminal."""
    out = stream or sys.stdout
    human = out.isatty()
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.ExceptionRenderer(_traceback),
            redact,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([_spell_out, structlog.dev.ConsoleRenderer()] if human else [render]),
        ],
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, out)),
        cache_logger_on_first_use=True,
    )


def redact(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {name: _struck(name, value, 0) for name, value in line.items()}


def render(_: Any, __: str, line: MutableMapping[str, Any]) -> str:
    """One line of JSON, whatever is in it: a lone surrogate must not raise out of a log call."""
    try:
        return _encoder.encode(line).decode()
    except (ValueError, TypeError, OverflowError):
        return _encoder.encode({_safe(name): _safe(str(line[name])) for name in line}).decode()


def _struck(name: str, value: Any, depth: int) -> Any:
    """What may be shown of a value; what is no plain data is shown as its redacted text."""
    if _is_secret(name) and value is not None:
        return STRUCK
    if type(value) in NUMBERS:  # these two are almost every field of almost every line
        return value
    if type(value) is str:
        return SECRET_TEXT.sub(STRUCK, value)
    match value:
        case int() | float():
            return value
        case bytes() | bytearray() | memoryview():
            return STRUCK
        case BaseException():
            return type(value).__name__  # its text may hold anything
        case dict() | list() | tuple() if depth > DEPTH_MAX:
            return STRUCK
        case dict():
            return {
                SECRET_TEXT.sub(STRUCK, str(each)): _struck(str(each), inner, depth + 1)
                for each, inner in value.items()
            }
        case list() | tuple():
            return [_struck("", inner, depth + 1) for inner in value]
        case _:
            return SECRET_TEXT.sub(STRUCK, str(value))


@lru_cache(NAMES_KEPT)
def _is_secret(name: str) -> bool:
    return SECRET_NAME.search(name) is not None


def _safe(text: str) -> str:
    """The text without what UTF-8 cannot say."""
    return text.encode("utf-8", "replace").decode()


def _spell_out(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Make a terminal's line writable: a traceback as text, and nothing that is not UTF-8."""
    if isinstance(line.get("exception"), list):
        line["exception"] = "\n".join(line["exception"])
    return {
        _safe(name): _safe(value) if isinstance(value, str) else value
        for name, value in line.items()
    }


def _traceback(exc_info: ExcInfo) -> list[str]:
    """Where it happened, and of what type it is; an exception's text may hold anything.

    No colon follows a file's name: `token…: 12` would be struck out as a credential.
    """
    _, raised, frame = exc_info
    frames = []
    while frame is not None:
        code = frame.tb_frame.f_code
        frames.append(f"{code.co_filename} line {frame.tb_lineno} in {code.co_name}")
        frame = frame.tb_next
    inner = getattr(raised, "exceptions", ())
    names = [type(raised).__name__, *(type(each).__name__ for each in inner)]
    return [*frames, ": ".join(names)]
