"""Objects as JSON nodes and back, from a closed table of classes by Keras's public names.

A class can be built from a node only if the package published it, its user registered it, or the
caller passed it in. No name in a node is ever imported, and nothing in it is executed.
"""

from __future__ import annotations

import contextlib
import inspect
import threading
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from cnn_ext._errors import did_you_mean, lookup

PLAIN_TYPES = (str, int, float, bool, types.NoneType)

_published: dict[Any, tuple[str, str]] = {}  # object -> Keras's module and name
_by_name: dict[tuple[str, str], Any] = {}  # and back
_specials: dict[str, tuple[type, Callable[[Any], Any], Callable[[Any], Any]]] = {}
_custom_objects: dict[str, Any] = {}
_custom_names: dict[Any, str] = {}


class _Scope(threading.local):
    """What holds in this thread, inside the blocks that it is in."""

    custom: Mapping[str, Any] = types.MappingProxyType({})
    written: dict[int, list[Any]] | None = None  # the objects seen so far, as often as seen
    read: dict[int, Any] | None = None  # objects by the number in their nodes


_scope = _Scope()


def publish(module: str, objects: Mapping[str, Any]) -> None:
    """Make classes and functions known under Keras's module (`"keras.layers"`) and names.

    Of several names for one object the first is what is written.
    """
    for name, item in objects.items():
        _published.setdefault(item, (module, name))
        _by_name[module, name] = item


def published(module: str) -> dict[str, Any]:
    """What was published under a module of Keras, by name."""
    return {name: item for (where, name), item in _by_name.items() if where == module}


def publish_special(
    class_name: str, kind: type, write: Callable[[Any], Any], read: Callable[[Any], Any]
) -> None:
    """State how values of a type are written as a node's config and read back."""
    _specials[class_name] = (kind, write, read)


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
            custom = _custom(config, custom_objects)
            return lookup(kind, config, dict(known)) if custom is None else custom
        if isinstance(config, dict) and "module" not in config:
            made = _custom(config.get("class_name", ""), custom_objects)
            cls = made or lookup(kind, config.get("class_name", ""), dict(known))
            return _construct(cls, config.get("config", {}), custom_objects)
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
    found = _custom(name, custom_objects)
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
        self._before = _scope.custom
        _scope.custom = {**_scope.custom, **self.custom_objects}
        return self

    def __exit__(self, *error: Any) -> None:
        _scope.custom = self._before


custom_object_scope = CustomObjectScope


@contextlib.contextmanager
def sharing() -> Iterator[None]:
    """A block in which an object that is written twice is read back as one."""
    before = _scope.written, _scope.read
    _scope.written, _scope.read = {}, {}
    try:
        yield
    finally:
        _scope.written, _scope.read = before


def _custom(name: str, custom_objects: Mapping[str, Any] | None) -> Any:
    for table in (_scope.custom, _custom_objects, custom_objects or {}):
        if name in table:
            return table[name]
    return None


def serialize_keras_object(obj: Any) -> Any:
    """What JSON can hold for an object (`keras.saving.serialize_keras_object`).

    Plain values and lists stay; a class with `get_config` and a named function become nodes with
    module, class_name, config and registered_name.
    """
    if isinstance(obj, PLAIN_TYPES):
        return obj
    if isinstance(obj, list | tuple):
        items = [serialize_keras_object(item) for item in obj]
        return tuple(items) if isinstance(obj, tuple) else items
    if isinstance(obj, dict):
        return {key: serialize_keras_object(value) for key, value in obj.items()}
    for class_name, (kind, write, _) in _specials.items():
        if isinstance(obj, kind):
            return {"class_name": class_name, "config": write(obj)}
    if isinstance(obj, np.generic) or (isinstance(obj, np.ndarray) and obj.ndim == 0):
        return obj.item()
    if isinstance(obj, np.dtype) or (isinstance(obj, type) and issubclass(obj, np.generic)):
        return np.dtype(obj).name
    return _node(obj)


def _node(obj: Any) -> dict[str, Any]:
    """The node of a function or of an object with a configuration."""
    if getattr(obj, "__name__", "") == "<lambda>":
        raise ValueError(
            "a lambda cannot be written to a file, since reading it would run code from the file: "
            "write a named function, and decorate it with "
            f"@keras.saving.register_keras_serializable(). Received: {obj}"
        )
    if hasattr(obj, "__name__") and not hasattr(obj, "get_config"):
        return _shared(obj, _function_node(obj))
    described = type(obj)
    if hasattr(obj, "published_as"):
        module, name = obj.published_as()
        registered = name
    elif described in _published:
        module, name, registered = *_published[described], None
    else:
        module, name = described.__module__, described.__name__
        registered = get_registered_name(described)
    node = {
        "module": None if module == "__main__" else module,
        "class_name": name,
        "config": _config_of(obj),
        "registered_name": registered,
    }
    for extra in ("build_config", "compile_config"):
        found = getattr(obj, f"get_{extra}", lambda: None)()
        if found is not None:
            node[extra] = serialize_keras_object(found)
    return _shared(obj, node)


def _function_node(function: Any) -> dict[str, Any]:
    """Of a function the name only is written: its reader looks in all modules but `keras.ops`."""
    module, name = _published.get(function, ("builtins", get_registered_name(function)))
    if module != "keras.ops":
        module = "builtins"
    return {
        "module": module,
        "class_name": "function",
        "config": name,
        "registered_name": "function" if module == "builtins" else name,
    }


def _config_of(obj: Any) -> Any:
    if not hasattr(obj, "get_config"):
        raise TypeError(
            f"Cannot serialize object {obj} of type {type(obj)}. To be serializable, a class must "
            "implement the `get_config()` method."
        )
    config = obj.get_config()
    if not isinstance(config, dict):
        raise TypeError(
            f"The `get_config()` method of {obj} should return a dict. It returned: {config}"
        )
    return serialize_keras_object(config)


def _shared(obj: Any, node: dict[str, Any]) -> dict[str, Any]:
    if _scope.written is not None:
        _scope.written.setdefault(id(obj), []).append(obj)  # it lives on: no other gets its id
        node["shared_object_id"] = id(obj)
    return node


def serialize_shared(obj: Any) -> Any:
    """As `serialize_keras_object`; objects that are met several times are marked as the same."""
    with sharing():
        node = serialize_keras_object(obj)
        written = _scope.written or {}

    def unmarked(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [unmarked(item) for item in value]
        if not isinstance(value, dict):
            return value
        met = len(written.get(value.get("shared_object_id", 0), ()))
        return {k: unmarked(v) for k, v in value.items() if k != "shared_object_id" or met != 1}

    return unmarked(node)


def deserialize_keras_object(
    config: Any,
    custom_objects: Mapping[str, Any] | None = None,
    safe_mode: bool = True,
    **_: Any,
) -> Any:
    """The object for what `serialize_keras_object` returned.

    Args:
        config: plain values, lists, dicts and nodes.
        custom_objects: classes and functions by name, besides the registered ones.
        safe_mode: must be True: nothing in a config is ever executed.
    """
    if not safe_mode:
        raise ValueError(
            "safe_mode=False would run code that a file holds, which cnn_ext never does: leave it "
            "out, and pass classes of your own as custom_objects. Received: safe_mode=False"
        )
    if isinstance(config, PLAIN_TYPES):
        return config
    if isinstance(config, list | tuple):
        return type(config)(deserialize_keras_object(item, custom_objects) for item in config)
    if not isinstance(config, dict):
        raise TypeError(
            f"Could not parse config: plain values, lists and dicts are expected. "
            f"Received: {config!r}"
        )
    if "class_name" not in config or "config" not in config:
        return {k: deserialize_keras_object(v, custom_objects) for k, v in config.items()}
    return _from_node(config, custom_objects)


def _from_node(node: dict[str, Any], custom_objects: Mapping[str, Any] | None) -> Any:
    number = node.get("shared_object_id")
    if _scope.read is not None and number in _scope.read:
        return _scope.read[number]
    class_name = node["class_name"]
    if class_name in _specials:
        return _specials[class_name][2](node["config"])
    if class_name == "function":
        return _find(node, node["config"], custom_objects)
    cls = _find(node, class_name, custom_objects)
    if not isinstance(cls, type):
        raise TypeError(f"'{class_name}' in a config must stand for a class. Received: {cls!r}")
    item = _construct(cls, node["config"], custom_objects)
    with CustomObjectScope(custom_objects):
        build_config = node.get("build_config")
        if build_config and not getattr(item, "built", True):
            item.build_from_config(deserialize_keras_object(build_config))
        compile_config = node.get("compile_config")
        if compile_config and hasattr(item, "compile_from_config"):
            item.compile_from_config(compile_config)
    if _scope.read is not None and number is not None:
        _scope.read[number] = item
    return item


def _known(node: dict[str, Any], name: Any, custom_objects: Mapping[str, Any] | None) -> Any:
    """What a node's name stands for: a custom object, else one of the closed table, else None."""
    for candidate in (node.get("registered_name"), name):
        if isinstance(candidate, str):
            found = _custom(candidate, custom_objects)
            if found is not None:
                return found
    module = node.get("module")
    if isinstance(module, str) and isinstance(name, str) and (module, name) in _by_name:
        return _by_name[module, name]
    return _of_same_module(node).get(name) if isinstance(name, str) else None


def _of_same_module(node: dict[str, Any]) -> dict[str, Any]:
    """The functions that "builtins" stands for in files; what a module holds, for suggestions."""
    if node["class_name"] != "function" or node.get("module") != "builtins":
        return {}
    found: dict[str, Any] = {}
    for (where, known), item in _by_name.items():
        if where != "keras.ops" and not isinstance(item, type):
            found.setdefault(known, item)
    return found


def _find(node: dict[str, Any], name: Any, custom_objects: Mapping[str, Any] | None) -> Any:
    found = _known(node, name, custom_objects)
    if found is None:
        raise TypeError(f"Could not locate {_described(node, name)}. {_REMEDY}")
    return found


_REMEDY = (
    "What is your own, decorate with @keras.saving.register_keras_serializable(), or pass it in "
    "custom_objects={name: class or function}."
)


def _described(node: dict[str, Any], name: Any) -> str:
    module = node.get("module")
    near = _of_same_module(node) or (published(module) if isinstance(module, str) else {})
    kind = "function" if node["class_name"] == "function" else "class"
    return f"{kind} '{name}' of module {module!r}{did_you_mean(name, near)}"


def check_known(config: Any, custom_objects: Mapping[str, Any] | None = None) -> None:
    """One error for all classes and functions in a configuration that are not known.

    Raises:
        TypeError: lists them, each with its place.
    """
    missing = list(_unknown(config, "", custom_objects or {}))
    if missing:
        listed = missing[0] if len(missing) == 1 else "".join(f"\n- {item}" for item in missing)
        raise TypeError(
            f"Could not locate {listed}{'. ' if len(missing) == 1 else chr(10)}{_REMEDY}"
        )


def _unknown(config: Any, place: str, custom_objects: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(config, list):
        for index, item in enumerate(config):
            yield from _unknown(item, f"{place}[{index}]", custom_objects)
    elif isinstance(config, dict):
        named = config.keys() >= _NODE_KEYS and config["class_name"] not in list(_specials)
        if named and not str(config["module"]).startswith("keras.src.ops."):
            function = config["class_name"] == "function"
            name = config["config"] if function else config["class_name"]
            if _known(config, name, custom_objects) is None:
                where = f" (at {place})" if place else ""
                yield _described(config, name) + where
        for key, item in config.items():
            yield from _unknown(item, f"{place}.{key}".lstrip("."), custom_objects)


_NODE_KEYS = {"module", "class_name", "config", "registered_name"}


def _construct(cls: Any, config: Any, custom_objects: Mapping[str, Any] | None) -> Any:
    """An object from its class and configuration."""
    if not isinstance(cls, type):
        return cls
    if not isinstance(config, dict) or not hasattr(cls, "from_config"):
        raise TypeError(
            f"{cls.__name__} needs a from_config() and a dict as its config. Received: {config!r}"
        )
    with CustomObjectScope(custom_objects):
        return cls.from_config(config)


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


publish_special(
    "__numpy__",
    np.ndarray,
    lambda x: {"value": x.tolist(), "dtype": x.dtype.name},
    lambda config: array_from(config),
)
publish_special(
    "__bytes__", bytes, lambda x: {"value": x.decode()}, lambda config: config["value"].encode()
)
publish_special(
    "__slice__",
    slice,
    lambda x: {"start": x.start, "stop": x.stop, "step": x.step},
    lambda config: slice(config["start"], config["stop"], config["step"]),
)
publish_special("__ellipsis__", type(...), lambda x: {}, lambda config: ...)


class _DTypePolicy:
    """What Keras has for a dtype; here it is the name."""


publish_special("DTypePolicy", _DTypePolicy, lambda x: {}, lambda config: config["name"])


def array_from(config: Mapping[str, Any]) -> np.ndarray:
    """The array of a config with value and dtype: numbers and truth values only."""
    dtype = np.dtype(str(config["dtype"]))
    if dtype.kind not in "fiub":
        raise TypeError(f"a config's arrays must hold numbers. Received: dtype={dtype.name!r}")
    return np.array(config["value"], dtype=dtype)
