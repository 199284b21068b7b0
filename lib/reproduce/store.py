"""Finished chunks of replicates on a disk, so that a stopped run goes on where it was.

A chunk is a file. It is written under another name and renamed when it is whole, so that a kill at
any moment leaves either the chunk or nothing that counts as one. Its folder is named after all that
decides the numbers: settings, seed, code and libraries.
"""

from __future__ import annotations

import hashlib
import io
import os
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from lib._validate import Array
from lib.provenance import environment
from lib.reproduce.panels import Run

ASIDE = ".new"
"""How the name of a file ends that is being written."""

FORGOTTEN = 3600
"""A file that has been written aside for so many seconds was left by a process that was killed."""

SECONDS, MEMORY = "seconds", "memory"
"""What a chunk tells of itself beside its errors: time of a core, and the process's peak in MB."""


class StorageError(OSError):
    """A file of results cannot be written or read."""


def write(path: Path, content: bytes) -> None:
    """Write a file aside and rename it.

    Parameters
    ----------
    path : Path
    content : bytes

    Raises
    ------
    StorageError
        If the disk is full or does not take it; what stood there before stays.
    """
    aside = path.with_name(f"{path.name}.{os.getpid()}{ASIDE}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_bytes(content)
        aside.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(
            f"cannot write {path}: {reason}. What is finished is kept: with room on the disk, "
            "the same command goes on from there"
        ) from None
    finally:
        with suppress(OSError):  # it was renamed, or it could not be made
            aside.unlink()


class Store:
    """The chunks of a run and a seed.

    Parameters
    ----------
    folder : Path
        Of all results.
    run : Run
    seed : int
    """

    def __init__(self, folder: Path, run: Run, seed: int) -> None:
        text = f"{run.key} {seed} {sorted(environment().items())}"
        self.folder = folder / f"{run.name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
        self._rows = run.columns.size
        self._names = {*run.metrics, SECONDS, MEMORY}

    def _path(self, chunk: int, reps: int) -> Path:
        # the last chunk of a shorter run is smaller than that of a longer one
        return self.folder / f"{chunk:05d}x{reps}.npz"

    def clean(self) -> None:
        """Remove what a killed process has left half written, and nothing that is in flight."""
        for path in self.folder.glob(f"*{ASIDE}"):
            with suppress(OSError):  # another process may be faster
                if time.time() - path.stat().st_mtime > FORGOTTEN:
                    path.unlink()

    def __contains__(self, key: tuple[int, int]) -> bool:
        return self._path(*key).is_file()

    def save(self, chunk: int, reps: int, values: dict[str, Array]) -> None:
        """Keep a chunk.

        Parameters
        ----------
        chunk, reps : int
            Which, and its replicates.
        values : dict of str to ndarray
        """
        content = io.BytesIO()
        np.savez(content, **values)  # type: ignore[arg-type]  # names are not its options
        write(self._path(chunk, reps), content.getvalue())

    def load(self, chunk: int, reps: int) -> dict[str, Array]:
        """Return a chunk.

        Parameters
        ----------
        chunk, reps : int

        Returns
        -------
        dict of str to ndarray

        Raises
        ------
        StorageError
            If the file is damaged, or no chunk of this run.
        """
        path = self._path(chunk, reps)
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
                values = {name: stored[name] for name in stored.files}
            if values.keys() != self._names:
                raise ValueError(f"it holds {sorted(values)}")
            if any(values[name].shape != (self._rows, reps) for name in self._names - _OWN):
                raise ValueError("its errors have another shape")
        except Exception as error:  # whatever a reader makes of bytes that are no chunk
            raise StorageError(f"{path} is damaged ({error}): remove it and run again") from None
        return values


_OWN = {SECONDS, MEMORY}
