"""An index of the ids in a log: the time and the API key of each. Reads the log's files as they grow.

It is used only when labels arrive, so predictions do not pay for it. It reads the files of any process, so a restart or
another replica on the same folder changes nothing. An entry is the whole id, its minute and its key's number: 22 bytes.
Files that retention has removed are dropped.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

# Small, because a regular expression blocks every other thread until it ends.
CHUNK_BYTES = 256 * 1024
MINUTE_US = 60_000_000
# An id, the time, and the key's id if any. RECORD: a record's own id; BROUGHT: that of the request that brought it.
_ID = rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_KEY = rb'(?:,"model":"[^"]*")?(?:,"brought":"[^"]*")?(?:,"key":"([^"]*)")?'
RECORD = re.compile(rb'^\{"v":1,"id":"(%b)","at_us":(\d+)%b' % (_ID, _KEY), re.M)
BROUGHT = re.compile(rb'^\{"v":1,"id":"%b"(?=,"at_us":\d+,"brought":"(%b)"),"at_us":(\d+)%b' % (_ID, _ID, _KEY), re.M)
Found = list[tuple[bytes, bytes, bytes]]


class Entry(NamedTuple):
    """A record in the log: its minute since 1970, and the id of its API key, if any."""

    minute: int
    key: str


class _Ids:
    """The ids that one pattern finds in one file, sorted by their second half, because that is random or a hash."""

    def __init__(self) -> None:
        self.firsts: npt.NDArray[np.uint64] = np.empty(0, dtype=np.uint64)
        self.seconds: npt.NDArray[np.uint64] = np.empty(0, dtype=np.uint64)
        self.minutes: npt.NDArray[np.uint32] = np.empty(0, dtype=np.uint32)
        self.keys: npt.NDArray[np.uint16] = np.empty(0, dtype=np.uint16)

    def add(self, found: Found, keys: dict[bytes, int]) -> None:
        """Add what a pattern found. `keys`: each key's number; new keys are added."""
        firsts, seconds = _halves_of(b"".join(one for one, _, _ in found))
        minutes = [int(at_us) // MINUTE_US for _, at_us, _ in found]
        numbers = [keys.setdefault(key, len(keys)) for _, _, key in found]
        seconds = np.concatenate([self.seconds, seconds])
        order = np.argsort(seconds, kind="stable")
        self.seconds = seconds[order]
        self.firsts = np.concatenate([self.firsts, firsts])[order]
        self.minutes = np.concatenate([self.minutes, np.array(minutes, dtype=np.uint32)])[order]
        self.keys = np.concatenate([self.keys, np.array(numbers, dtype=np.uint16)])[order]

    def places_of(self, firsts: npt.NDArray[np.uint64], seconds: npt.NDArray[np.uint64]) -> Iterator[tuple[int, int]]:
        """Of the ids with these halves, those that are here: pairs of an index in the arguments and a place here."""
        places, ends = (np.searchsorted(self.seconds, seconds, side=side) for side in ("left", "right"))
        asked = np.flatnonzero(places < ends)
        while len(asked):
            is_equal = self.firsts[places[asked]] == firsts[asked]
            yield from zip(asked[is_equal].tolist(), places[asked[is_equal]].tolist(), strict=True)
            # Another id may have the same second half.
            places[asked] += 1
            asked = asked[~is_equal & (places[asked] < ends[asked])]


def _halves_of(ids: bytes) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """The first and the second halves of concatenated ids."""
    halves = np.frombuffer(bytes.fromhex(ids.replace(b"-", b"").decode()), dtype=">u8").astype(np.uint64)
    return halves[0::2].copy(), halves[1::2].copy()


class _File:
    """One file: how many bytes were read, and the ids that each pattern found in them."""

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
        self._keys: dict[bytes, int] = {b"": 0}

    def refresh(self) -> None:
        """Read what was appended since the last call. Call it outside the event loop, because it may take long."""
        present = {path.name: path for path in self._folder.glob(self._pattern)}
        files = {name: self._files.get(name) or _File(self._heads) for name in present}
        for name, path in present.items():
            self._read_on(path, files[name])
        self._files = files

    def _read_on(self, path: Path, file: _File) -> None:
        found: dict[re.Pattern[bytes], Found] = {head: [] for head in self._heads}
        try:
            with path.open("rb") as content:
                content.seek(file.read)
                while chunk := content.read(CHUNK_BYTES):
                    end = chunk.rfind(b"\n") + 1
                    if not end:
                        break
                    for head in self._heads:
                        found[head] += head.findall(chunk, 0, end)
                    file.read += end
                    content.seek(file.read)
        except OSError:
            return
        finally:
            for head, entries in found.items():
                if entries:
                    file.ids[head].add(entries, self._keys)

    def entries_of(self, ids: Iterable[str], head: re.Pattern[bytes] = RECORD) -> dict[str, Entry]:
        """The records with these ids, by id; ids without a record are left out.

        All ids are looked up at once, because that costs little more than a single one.
        """
        wanted = list(dict.fromkeys(ids))
        firsts, seconds = _halves_of("".join(wanted).encode())
        keys = [key.decode() for key in self._keys]
        entries: dict[str, Entry] = {}
        for file in self._files.values():
            found = file.ids[head]
            for index, place in found.places_of(firsts, seconds):
                entries.setdefault(wanted[index], Entry(int(found.minutes[place]), keys[found.keys[place]]))
        return entries
