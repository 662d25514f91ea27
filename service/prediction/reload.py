"""Reloads the model on SIGHUP, or when a file of the model folder changes.

The new model is loaded and proved while the old one answers, and replaces it between two requests. A folder that cannot
be trusted changes nothing, and the log says why. SIGHUP also reads the API keys again, under the same rule.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from contracts.exits import FindingError, UsageError
from contracts.model_folder import CARD_FILE, MODEL_FILES
from service.logs import say
from service.metrics import Metrics
from service.prediction.served_model import ServedModel

LOOK_EVERY_SECONDS = 2.0
Signature = tuple[tuple[int, int, int], ...]


class Reloader:
    """`adopt` puts a model in place; `digest` is that of the one that answers; `read_keys` reads the keys again.

    `load` makes a model of a folder, or raises ModelFolderError.
    """

    def __init__(
        self,
        folder: Path,
        digest: Callable[[], str],
        adopt: Callable[[ServedModel], None],
        read_keys: Callable[[], None],
        load: Callable[[Path], ServedModel],
        metrics: Metrics,
    ) -> None:
        self._folder = folder
        self._load = load
        self._digest = digest
        self._adopt = adopt
        self._read_keys = read_keys
        self._metrics = metrics
        self._tried = signature_of(folder)
        self._asked = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        metrics.reloads.make([("swapped",), ("unchanged",), ("refused",)])

    def ask(self) -> None:
        """Reload soon, whether or not the folder changed: SIGHUP."""
        self._asked.set()

    async def watch(self) -> None:
        """Watch the folder, and reload when it has changed or a reload was asked for."""
        while True:
            try:
                await asyncio.wait_for(self._asked.wait(), LOOK_EVERY_SECONDS)
            except TimeoutError:
                if signature_of(self._folder) != self._tried:
                    await self.reload()
                continue
            self._asked.clear()
            self._reread_keys()
            await self.reload()

    def _reread_keys(self) -> None:
        try:
            self._read_keys()
        except UsageError as error:
            say("keys-refused", reason=str(error))

    async def reload(self) -> None:
        """Load and prove the folder, and answer with its model; log the reason if it is refused."""
        async with self._one_at_a_time:
            self._tried = signature_of(self._folder)
            before = self._digest()
            try:
                outcome = await self._swap()
            except Exception as error:  # no folder may stop the model that answers
                outcome = "refused"
                reason = str(error) if isinstance(error, FindingError) else f"{type(error).__name__}: {error}"
                say("model-refused", folder=str(self._folder), reason=reason, still=before)
            self._metrics.reloads.add(outcome)
            if outcome == "swapped":
                say("model-swapped", before=before, digest=self._digest())

    async def _swap(self) -> str:
        model = await asyncio.to_thread(self._load, self._folder)
        if model.digest == self._digest():
            return "unchanged"
        self._adopt(model)
        return "swapped"


def signature_of(folder: Path) -> Signature:
    """Inode, time and size of each file: it changes with any file, and where `folder` is a link to another folder."""
    signature = []
    for name in (CARD_FILE, *MODEL_FILES):
        try:
            stat = (folder / name).stat()
            signature.append((stat.st_ino, stat.st_mtime_ns, stat.st_size))
        except OSError:
            signature.append((0, 0, 0))
    return tuple(signature)
