"""Where do records lie between two looks at them, when their columns are known only at the end?

In a file without a name, which is gone with the process, however that ends.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec


class Spool:
    """Records, once through, as often as one likes."""

    def __init__(self, directory: Path | None) -> None:
        """Beside the target, where there is one: there has to be room for it anyway."""
        self._file = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115 - closed by `close`

    def add(self, records: list[dict[str, Any]]) -> None:
        self._file.writelines(msgspec.json.encode(each) + b"\n" for each in records)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        self._file.seek(0)
        for line in self._file:
            yield msgspec.json.decode(line)

    def close(self) -> None:
        self._file.close()
