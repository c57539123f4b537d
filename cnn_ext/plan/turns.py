"""Turns: threads that use one memory do so one after the other."""

from __future__ import annotations

import os
import threading
import weakref

_all: weakref.WeakSet[Turns] = weakref.WeakSet()


class Turns:
    """Has a lock, for use in `with`, also by one who holds it; a forked child finds it open, as its
    other threads are gone."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        _all.add(self)


def _after_fork_in_child() -> None:
    for turns in _all:
        turns.lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
