"""Which ids a log holds, and since when: read from the log's own files, whoever wrote them, as they grow.

Asked only when labels come in, so predictions pay nothing for it, and a restart or another replica on the same folder
changes nothing. An id is remembered as its last 64 bits, which are random or a hash, and its minute: 12 bytes. What
retention has removed is forgotten.
"""

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

# Small: a search holds up every other thread until it ends.
CHUNK_BYTES = 256 * 1024
MINUTE_US = 60_000_000
# The two parts of an id's last 64 bits, then the time. Of records by their own id, and of labels by who brought them.
_TAIL = rb"[0-9a-f-]{19}([0-9a-f]{4})-([0-9a-f]{12})"
RECORD = re.compile(rb'^\{"v":1,"id":"%b","at_us":(\d+)' % _TAIL, re.M)
BROUGHT = re.compile(rb'^\{"v":1,"id":"[0-9a-f-]{36}"(?=,"at_us":\d+,"brought":"%b"),"at_us":(\d+)' % _TAIL, re.M)


class _Ids:
    """The ids that one pattern finds in one file, sorted."""

    def __init__(self) -> None:
        self.ids: npt.NDArray[np.uint64] = np.empty(0, dtype=np.uint64)
        self.minutes: npt.NDArray[np.uint32] = np.empty(0, dtype=np.uint32)

    def add(self, ids: list[int], minutes: list[int]) -> None:
        every_id = np.concatenate([self.ids, np.array(ids, dtype=np.uint64)])
        every_minute = np.concatenate([self.minutes, np.array(minutes, dtype=np.uint32)])
        order = np.argsort(every_id, kind="stable")
        self.ids, self.minutes = every_id[order], every_minute[order]

    def minute_of(self, wanted: np.uint64) -> int | None:
        place = int(np.searchsorted(self.ids, wanted))
        return int(self.minutes[place]) if place < len(self.ids) and self.ids[place] == wanted else None


class _File:
    """What is known of one file: up to which byte it was read, and by each pattern the ids before that."""

    def __init__(self, heads: tuple[re.Pattern[bytes], ...]) -> None:
        self.read = 0
        self.ids = {head: _Ids() for head in heads}


class IdIndex:
    """The ids that each of `heads` finds in the files of `folder` that match `pattern`."""

    def __init__(self, folder: Path, pattern: str, *heads: re.Pattern[bytes]) -> None:
        self._folder = folder
        self._pattern = pattern
        self._heads = heads
        self._files: dict[str, _File] = {}

    def refresh(self) -> None:
        """Read what was appended since the last call. Takes as long as that does: call it outside the event loop."""
        present = {path.name: path for path in self._folder.glob(self._pattern)}
        files = {name: self._files.get(name) or _File(self._heads) for name in present}
        for name, path in present.items():
            self._read_on(path, files[name])
        self._files = files

    def _read_on(self, path: Path, file: _File) -> None:
        found: list[tuple[re.Pattern[bytes], list[int], list[int]]] = [(head, [], []) for head in self._heads]
        try:
            with path.open("rb") as content:
                content.seek(file.read)
                while chunk := content.read(CHUNK_BYTES):
                    end = chunk.rfind(b"\n") + 1
                    if not end:
                        break
                    for head, ids, minutes in found:
                        for first, second, at_us in head.findall(chunk, 0, end):
                            ids.append(int(first + second, 16))
                            minutes.append(int(at_us) // MINUTE_US)
                    file.read += end
                    content.seek(file.read)
        except OSError:
            return
        finally:
            for head, ids, minutes in found:
                if ids:
                    file.ids[head].add(ids, minutes)

    def minute_of(self, identity: str, head: re.Pattern[bytes] = RECORD) -> int | None:
        """The minute since 1970 in which the record with this id was made; None where there is none."""
        wanted = np.uint64(int(identity[19:23] + identity[24:], 16))
        for file in self._files.values():
            if (minute := file.ids[head].minute_of(wanted)) is not None:
                return minute
        return None
