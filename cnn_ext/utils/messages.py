"""Where messages go: to stdout, or, on a server, to a logger."""

from __future__ import annotations

import logging
import sys

from cnn_ext import config

LOGGER = logging.getLogger("cnn_ext")


def message(text: str) -> None:
    """One line for the user."""
    write(text + "\n")


def write(text: str) -> None:
    """To stdout now, in the characters it has; a program without one (pythonw) stays silent."""
    if not config.is_interactive_logging_enabled():
        if text.strip():
            LOGGER.info(text.strip())
        return
    if sys.stdout is None:
        return
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.replace("━", "=").encode(encoding, "replace").decode(encoding)
    sys.stdout.write(text)
    sys.stdout.flush()
