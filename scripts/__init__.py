"""What makes the files that are committed or that come after the build; run with ``python -m``."""
