"""What a simulated number depends on beside its seed: this code, and the libraries under it."""

from __future__ import annotations

import hashlib
import importlib.metadata
from functools import cache
from pathlib import Path

DRAWING = (
    "models/*.py",
    "loops.py",
    "simulate.py",
    "reproduce/panels.py",
    "reproduce/running.py",
)
"""The modules that decide what a seed means, in this folder."""


@cache
def code_digest() -> str:
    """Return a short digest of the modules that draw and fit.

    Returns
    -------
    str
        Eight hexadecimal digits. Where they are equal, so are the numbers of a seed.
    """
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(path for pattern in DRAWING for path in here.glob(pattern)):
        digest.update(path.relative_to(here).as_posix().encode() + b"\0")
        digest.update(path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()[:8]


@cache
def version() -> str:
    """Return the version of this package with the digest of its code, such as 0.1.0+1a2b3c4d.

    Returns
    -------
    str
    """
    return f"{importlib.metadata.version('golden-ratio-book')}+{code_digest()}"


def environment() -> dict[str, str]:
    """Return the versions that decide the bits of a simulation, the processor aside.

    Returns
    -------
    dict of str to str
        Keys lib, numpy and scipy.
    """
    names = ("numpy", "scipy")
    return {"lib": version()} | {name: importlib.metadata.version(name) for name in names}
