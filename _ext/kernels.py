"""Give kernels five minutes to start instead of one: a busy machine may need them."""

from __future__ import annotations

from functools import partialmethod

from nbclient import NotebookClient
from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, bool]:
    """Raise the time-out. Neither MyST-NB nor jupyter-cache has a setting for it."""
    patient = partialmethod(NotebookClient.__init__, startup_timeout=300)
    NotebookClient.__init__ = patient  # type: ignore[assignment,method-assign]
    return {"parallel_read_safe": True, "parallel_write_safe": True}
