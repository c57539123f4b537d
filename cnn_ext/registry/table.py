"""The closed table: what may be written and read, by Keras's names and by the user's."""

from __future__ import annotations

import contextlib
import threading
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

published_names: dict[Any, tuple[str, str]] = {}  # object -> Keras's module and name
objects_by_name: dict[tuple[str, str], Any] = {}  # and back
specials: dict[str, tuple[type, Callable[[Any], Any], Callable[[Any], Any]]] = {}
_custom_objects: dict[str, Any] = {}
_custom_names: dict[Any, str] = {}


class Scope(threading.local):
    """What holds in this thread, inside the blocks that it is in."""

    custom: Mapping[str, Any] = types.MappingProxyType({})
    written: dict[int, list[Any]] | None = None  # the objects seen so far, as often as seen
    read: dict[int, Any] | None = None  # objects by the number in their nodes


scope = Scope()


def publish(module: str, objects: Mapping[str, Any]) -> None:
    """Make classes and functions known under Keras's module (`"keras.layers"`) and names.

    Of several names for one object the first is what is written.
    """
    for name, item in objects.items():
        published_names.setdefault(item, (module, name))
        objects_by_name[module, name] = item


def published(module: str) -> dict[str, Any]:
    """What was published under a module of Keras, by name."""
    return {name: item for (where, name), item in objects_by_name.items() if where == module}


def publish_special(
    class_name: str, kind: type, write: Callable[[Any], Any], read: Callable[[Any], Any]
) -> None:
    """State how values of a type are written as a node's config and read back."""
    specials[class_name] = (kind, write, read)


def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[Any], Any]:
    """Decorator: let a class or function of one's own be written to and read from model files.

    Args:
        package: first part of the name that stands in files.
        name: last part; the object's own if None (`keras.saving.register_keras_serializable`).

    >>> @register_keras_serializable("mine")
    ... class Twice:
    ...     def get_config(self):
    ...         return {}
    >>> get_registered_name(Twice)
    'mine>Twice'
    """

    def register(item: Any) -> Any:
        if isinstance(item, type) and not hasattr(item, "get_config"):
            raise ValueError(
                "Cannot register a class that does not have a get_config() method. "
                f"Received: {item}"
            )
        registered = f"{package}>{name or item.__name__}"
        _custom_objects[registered] = item
        _custom_names[item] = registered
        return item

    return register


def get_custom_objects() -> dict[str, Any]:
    """The live table of registered objects by name (`keras.saving.get_custom_objects`)."""
    return _custom_objects


def get_registered_name(obj: Any) -> str:
    """The name that an object was registered under, or its own."""
    return _custom_names.get(obj, obj.__name__)


def get_registered_object(
    name: str,
    custom_objects: Mapping[str, Any] | None = None,
    module_objects: Mapping[str, Any] | None = None,
) -> Any:
    """The object that a name stands for, or None (`keras.saving.get_registered_object`)."""
    found = custom_object(name, custom_objects)
    return (module_objects or {}).get(name) if found is None else found


class CustomObjectScope:
    """A block in which names in configs stand for these objects (`keras.saving`).

    >>> with CustomObjectScope({"cube": lambda x: x**3}):
    ...     get_registered_object("cube")(2)
    8
    """

    def __init__(self, custom_objects: Mapping[str, Any] | None) -> None:
        self.custom_objects = dict(custom_objects or {})

    def __enter__(self) -> CustomObjectScope:
        self._before = scope.custom
        scope.custom = {**scope.custom, **self.custom_objects}
        return self

    def __exit__(self, *error: Any) -> None:
        scope.custom = self._before


custom_object_scope = CustomObjectScope


@contextlib.contextmanager
def sharing() -> Iterator[None]:
    """A block in which an object that is written twice is read back as one."""
    before = scope.written, scope.read
    scope.written, scope.read = {}, {}
    try:
        yield
    finally:
        scope.written, scope.read = before


def custom_object(name: str, custom_objects: Mapping[str, Any] | None) -> Any:
    for table in (scope.custom, _custom_objects, custom_objects or {}):
        if name in table:
            return table[name]
    return None
