"""How much of an answer's body is taken, and what does it hold once inflated?"""

import zlib
from collections.abc import Callable
from typing import BinaryIO, TypeAlias

GZIP = 16 + zlib.MAX_WBITS
ZLIB = zlib.MAX_WBITS
RAW = -zlib.MAX_WBITS
ACCEPTED = "gzip, deflate"
OVERHEAD = 64 * 1024  # how much longer than its content a compressed body may be
PART_MAX = 1024 * 1024  # inflated at once: 64 KiB off the wire may hold 64 MiB
MEMBERS_MAX = 1000  # gzip members in a row; each costs a copy of what follows it

Spill: TypeAlias = Callable[[], BinaryIO]


class Body:
    """A body as it arrives. It never holds more than `size_max` bytes, compressed or inflated.

    What is larger than `memory_max` goes to a file that `spill` opens, and lies in `file` then.
    `refusal` is the sentence that ends the reading, once there is one; `received` counts the bytes
    on the wire. Of what is too large, the first `keeps` bytes are left.
    """

    def __init__(
        self,
        size_max: int,
        memory_max: int | None = None,
        spill: Spill | None = None,
        *,
        keeps: int = 0,
    ) -> None:
        self.received = 0
        self.file: BinaryIO | None = None
        self._memory_max = size_max if memory_max is None else memory_max
        self._spill = spill
        self.refusal: str | None = None
        self._size_max = size_max
        self._keeps = keeps
        self._parts: list[bytes] = []
        self._size = 0
        self._encoding = ""
        self._inflater: zlib._Decompress | None = None
        self._members = 1

    def begin(self, content_encoding: str) -> None:
        """Learn from the header how the body is compressed."""
        self._encoding = content_encoding.strip().lower().removeprefix("x-")
        if self._encoding == "gzip":
            self._inflater = zlib.decompressobj(GZIP)
        elif self._encoding not in ("", "identity", "deflate"):
            self.refusal = (
                "the provider's answer is compressed in a way that we did not ask for; tell the"
                " provider: it ignores Accept-Encoding"
            )

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes off the wire; after a refusal they are only counted."""
        self.received += len(chunk)
        if self.received > self._size_max + OVERHEAD:
            self._refuse_size()
        if self.refusal is None and chunk:
            try:
                self._take(chunk)
            except zlib.error:
                self.refusal = (
                    "the provider's answer is damaged: it cannot be decompressed; if it stays so,"
                    " tell the provider"
                )

    @property
    def size(self) -> int:
        """How many bytes the content has, once inflated."""
        return self._size

    def whole(self) -> bytes:
        """Return the body, once all was fed, as far as it is in memory.

        Sets `refusal` where its end is missing.
        """
        inflater = self._inflater
        if inflater is not None and not inflater.eof and self.received:
            self.refusal = self.refusal or (
                "the provider's answer ends in the middle; if it stays so, tell the provider"
            )
        return b"".join(self._parts)

    def _take(self, chunk: bytes) -> None:
        if self._encoding in ("", "identity"):
            self._keep(chunk)
            return
        if self._inflater is None:
            self._inflater = zlib.decompressobj(ZLIB if _is_zlib(chunk) else RAW)
        more = True
        while more and self.refusal is None:
            chunk, more = self._inflate(self._inflater, chunk)

    def _inflate(self, inflater: "zlib._Decompress", chunk: bytes) -> tuple[bytes, bool]:
        """Inflate a part, at most one byte more than fits: what is left, whether there is more."""
        if inflater.eof:
            if self._encoding == "deflate":
                return b"", False  # nothing may follow; servers that pad are forgiven
            self._members += 1
            if self._members > MEMBERS_MAX:
                raise zlib.error("too many members")
            self._inflater = inflater = zlib.decompressobj(GZIP)
        room = min(self._size_max - self._size + 1, PART_MAX)
        part = inflater.decompress(chunk, room)
        self._keep(part)
        rest = inflater.unconsumed_tail or inflater.unused_data
        return rest, bool(rest) or (len(part) == room and not inflater.eof)

    def _keep(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._size_max:
            self._parts.append(part)
            self._refuse_size()
            return
        if self.file is None:
            self._parts.append(part)
            if self._spill is not None and self._size > self._memory_max:
                self.spill()
        else:
            self.file.write(part)

    def spill(self) -> None:
        """Go on in a file."""
        assert self._spill is not None, "there is a way to get one"
        self.file = self._spill()
        self.file.writelines(self._parts)
        self._parts.clear()

    def _refuse_size(self) -> None:
        self.refusal = (
            f"the provider's answer is larger than {self._size_max} bytes;"
            " ask for less, or raise limits.body_bytes_max in its file"
        )
        self._parts = [b"".join(self._parts)[: self._keeps]]


def _is_zlib(chunk: bytes) -> bool:
    """Tell RFC 1950 from the bare RFC 1951 that some servers send as `deflate`.

    A zlib header's low half byte is 8; bare deflate would begin so only with a stored block
    whose padding is not zero, which no encoder writes.
    """
    return chunk[0] & 0x0F == zlib.DEFLATED
