"""Lists and dicts in a layer's attributes: what is put into them belongs to the layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

Owned = Callable[[Any], Any]


class OwnedList(list[Any]):
    """A list that hands `owned` each item that it is given; a copy of it is a plain list."""

    def __init__(self, owned: Owned, items: Iterable[Any]) -> None:
        self.owned = owned
        super().__init__(map(owned, items))

    def append(self, item: Any) -> None:
        super().append(self.owned(item))

    def extend(self, items: Iterable[Any]) -> None:
        super().extend(map(self.owned, items))

    def insert(self, index: Any, item: Any) -> None:
        super().insert(index, self.owned(item))

    def __setitem__(self, index: Any, item: Any) -> None:
        super().__setitem__(index, self.owned(item))

    def __iadd__(self, items: Iterable[Any]) -> OwnedList:  # type: ignore[misc]
        self.extend(items)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)


class OwnedDict(dict[Any, Any]):
    """A dict that hands `owned` each value that it is given; a copy of it is a plain dict."""

    def __init__(self, owned: Owned, items: dict[Any, Any]) -> None:
        self.owned = owned
        super().__init__({key: owned(value) for key, value in items.items()})

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, self.owned(value))

    def update(self, *args: Any, **kwargs: Any) -> None:
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)
