"""What modules of names need: `get`, `serialize` and `deserialize`, and classes that describe
themselves."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from cnn_ext._errors import lookup
from cnn_ext.registry.nodes import construct, deserialize_keras_object, serialize_keras_object
from cnn_ext.registry.table import custom_object, publish


class Family(NamedTuple):
    """`get`, `serialize` and `deserialize` of a module such as `initializers`."""

    get: Callable[..., Any]
    serialize: Callable[[Any], Any]
    deserialize: Callable[..., Any]


def family(
    kind: str,
    module: str,
    known: Mapping[str, Any],
    published: Mapping[str, Any] | None = None,
) -> Family:
    """Publish a module's objects and make its `get`, `serialize` and `deserialize`.

    Args:
        kind: the word in errors: "initializer".
        module: Keras's: "keras.initializers".
        known: classes and functions by every name that `get` takes.
        published: those by the names that are written; `known` if None.
    """
    publish(module, known if published is None else published)

    def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """The object for what `serialize` returned, or for a name."""
        if isinstance(config, str):
            custom = custom_object(config, custom_objects)
            return lookup(kind, config, dict(known)) if custom is None else custom
        if isinstance(config, dict) and "module" not in config:
            made = custom_object(config.get("class_name", ""), custom_objects)
            cls = made or lookup(kind, config.get("class_name", ""), dict(known))
            return construct(cls, config.get("config", {}), custom_objects)
        return deserialize_keras_object(config, custom_objects)

    def get(identifier: Any) -> Any:
        """The object for a name, a config, a class or an object; None for None."""
        if identifier is None:
            return None
        if isinstance(identifier, str | dict):
            identifier = deserialize(identifier)
        if not (callable(identifier) or hasattr(identifier, "get_config")):
            raise ValueError(f"Could not interpret {kind} identifier: {identifier}")
        return identifier() if isinstance(identifier, type) else identifier

    return Family(get, serialize_keras_object, deserialize)


class Configured:
    """An object that its constructor's arguments describe.

    `get_config` reads them from the attributes of the same names, `from_config` hands them back,
    nodes among them made into objects first.
    """

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as `from_config` takes them."""
        names = inspect.signature(type(self)).parameters
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """An object from what `get_config` returned."""
        return cls(**deserialize_keras_object(dict(config)))
