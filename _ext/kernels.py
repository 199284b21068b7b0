"""Kernels that are patient and quiet, and notebooks that keep what they have shown.

Kernels get five minutes to start instead of one, which a busy machine may need, and do not warn
that they talk to this same machine over TCP without encryption.

A chapter that comes out of the cache is shown with its outputs, but MyST-NB writes the notebook
that readers download from an object that has none.
"""

from __future__ import annotations

from functools import partialmethod

from myst_nb.core.execute.cache import NotebookClientCache
from nbclient import NotebookClient
from sphinx.application import Sphinx

_start = NotebookClientCache.start_client


def start_with_outputs(client: NotebookClientCache) -> None:
    """Start as ever, and put outputs from the cache into the notebook itself."""
    notebook = client._notebook
    _start(client)
    if client._notebook is not notebook:
        notebook.update(client._notebook)
        client._notebook = notebook


def setup(app: Sphinx) -> dict[str, bool]:
    """Change the defaults. Neither MyST-NB nor jupyter-cache has a setting for them."""
    changed = partialmethod(
        NotebookClient.__init__,
        startup_timeout=300,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
    )
    NotebookClient.__init__ = changed  # type: ignore[assignment,method-assign]
    NotebookClientCache.start_client = start_with_outputs
    return {"parallel_read_safe": True, "parallel_write_safe": True}
