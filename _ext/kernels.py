"""Kernels that are patient and quiet.

They get five minutes to start instead of one, which a busy machine may need, and do not warn that
they talk to this same machine over TCP without encryption.
"""

from __future__ import annotations

from functools import partialmethod

from nbclient import NotebookClient
from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, bool]:
    """Change the defaults. Neither MyST-NB nor jupyter-cache has a setting for them."""
    changed = partialmethod(
        NotebookClient.__init__,
        startup_timeout=300,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
    )
    NotebookClient.__init__ = changed  # type: ignore[assignment,method-assign]
    return {"parallel_read_safe": True, "parallel_write_safe": True}
