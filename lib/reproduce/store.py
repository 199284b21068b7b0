"""Finished chunks of replicates on a disk, so that a stopped run goes on where it was.

A chunk is a file. It is written under another name and renamed when it is whole, so that a kill at
any moment leaves either the chunk or nothing that counts as one. Its folder is named after all that
decides the numbers: settings, seed, code and libraries.
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from pathlib import Path

import numpy as np

from lib._validate import Array
from lib.provenance import environment
from lib.reproduce.panels import Run

ASIDE = ".new"
"""How the name of a file ends that is being written."""


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
        aside.unlink(missing_ok=True)


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

    def _path(self, chunk: int, reps: int) -> Path:
        # the last chunk of a shorter run is smaller than that of a longer one
        return self.folder / f"{chunk:05d}x{reps}.npz"

    def clean(self) -> None:
        """Remove what a killed process has left half written."""
        for path in self.folder.glob(f"*{ASIDE}"):
            path.unlink(missing_ok=True)

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
            If the file is damaged.
        """
        path = self._path(chunk, reps)
        try:
            with np.load(path, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
            raise StorageError(f"{path} is damaged ({error}): remove it and run again") from None
