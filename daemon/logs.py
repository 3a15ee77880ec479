"""How does the daemon tell operators what it does? One JSON object a line.

Redaction here is a second line of defence: secrets are a type that cannot be printed, and nothing
that providers say is logged. What still looks like a credential is struck out.
"""

import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import msgspec
import structlog
from structlog.typing import ExcInfo

STRUCK = "[struck out]"
SECRET_NAME = re.compile(
    r"(?i)(^|[_-])(authorization|cookie|credential|password|passwd|secret|token|api_?key|private)"
)
SECRET_TEXT = re.compile(
    r"(?i)\b(bearer|basic|token|apikey)\s+[A-Za-z0-9+/=._~-]{8,}"
    r"|[?&][^=&\s]*(key|token|secret|password|sig)[^=&\s]*=[^&\s]+"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"
    r"|://[^/\s:@]+:[^/\s@]+@"
)
DEPTH_MAX = 6

_encoder = msgspec.json.Encoder(enc_hook=str)


def set_up(stream: TextIO | None = None) -> None:
    """Write to `stream`, standard output by default; for people where that is a terminal."""
    out = stream or sys.stdout
    human = out.isatty()
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(_traceback),
            redact,
            structlog.dev.ConsoleRenderer() if human else render,
        ],
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=True,
    )


def redact(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {name: _struck(name, value, 0) for name, value in line.items()}


def render(_: Any, __: str, line: MutableMapping[str, Any]) -> str:
    """One line of JSON, whatever is in it: a lone surrogate must not raise out of a log call."""
    try:
        return _encoder.encode(line).decode()
    except (ValueError, TypeError, RecursionError):
        safe = {
            name: str(value).encode("utf-8", "replace").decode() for name, value in line.items()
        }
        return _encoder.encode(safe).decode()


def _struck(name: str, value: Any, depth: int) -> Any:
    if SECRET_NAME.search(name) and value is not None:
        return STRUCK
    if isinstance(value, str):
        return SECRET_TEXT.sub(STRUCK, value)
    if isinstance(value, bytes) or depth > DEPTH_MAX:
        return STRUCK
    if isinstance(value, dict):
        return {each: _struck(str(each), inner, depth + 1) for each, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_struck("", inner, depth + 1) for inner in value]
    return value


def _traceback(exc_info: ExcInfo) -> list[str]:
    """Where it happened, and of what type it is; an exception's text may hold anything."""
    _, raised, frame = exc_info
    frames = []
    while frame is not None:
        code = frame.tb_frame.f_code
        frames.append(f"{code.co_filename}:{frame.tb_lineno} in {code.co_name}")
        frame = frame.tb_next
    inner = getattr(raised, "exceptions", ())
    names = [type(raised).__name__, *(type(each).__name__ for each in inner)]
    return [*frames, ": ".join(names)]
