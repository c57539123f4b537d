"""Objects as nodes of JSON, and back."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from cnn_ext._errors import did_you_mean
from cnn_ext.registry.table import (
    CustomObjectScope,
    custom_object,
    get_registered_name,
    objects_by_name,
    publish_special,
    published,
    published_names,
    scope,
    sharing,
    specials,
)

PLAIN_TYPES = (str, int, float, bool, types.NoneType)


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
    for class_name, (kind, write, _) in specials.items():
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
    elif described in published_names:
        module, name, registered = *published_names[described], None
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
    module, name = published_names.get(function, ("builtins", get_registered_name(function)))
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
    if scope.written is not None:
        scope.written.setdefault(id(obj), []).append(obj)  # it lives on: no other gets its id
        node["shared_object_id"] = id(obj)
    return node


def serialize_shared(obj: Any) -> Any:
    """As `serialize_keras_object`; objects that are met several times are marked as the same."""
    with sharing():
        node = serialize_keras_object(obj)
        written = scope.written or {}

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
    if scope.read is not None and number in scope.read:
        return scope.read[number]
    class_name = node["class_name"]
    if class_name in specials:
        return specials[class_name][2](node["config"])
    if class_name == "function":
        return _find(node, node["config"], custom_objects)
    cls = _find(node, class_name, custom_objects)
    if not isinstance(cls, type):
        raise TypeError(f"'{class_name}' in a config must stand for a class. Received: {cls!r}")
    item = construct(cls, node["config"], custom_objects)
    with CustomObjectScope(custom_objects):
        build_config = node.get("build_config")
        if build_config and not getattr(item, "built", True):
            item.build_from_config(deserialize_keras_object(build_config))
        compile_config = node.get("compile_config")
        if compile_config and hasattr(item, "compile_from_config"):
            item.compile_from_config(compile_config)
    if scope.read is not None and number is not None:
        scope.read[number] = item
    return item


def _known(node: dict[str, Any], name: Any, custom_objects: Mapping[str, Any] | None) -> Any:
    """What a node's name stands for: a custom object, else one of the closed table, else None."""
    for candidate in (node.get("registered_name"), name):
        if isinstance(candidate, str):
            found = custom_object(candidate, custom_objects)
            if found is not None:
                return found
    module = node.get("module")
    if isinstance(module, str) and isinstance(name, str) and (module, name) in objects_by_name:
        return objects_by_name[module, name]
    return _of_same_module(node).get(name) if isinstance(name, str) else None


def _of_same_module(node: dict[str, Any]) -> dict[str, Any]:
    """The functions that "builtins" stands for in files; what a module holds, for suggestions."""
    if node["class_name"] != "function" or node.get("module") != "builtins":
        return {}
    found: dict[str, Any] = {}
    for (where, known), item in objects_by_name.items():
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
        named = config.keys() >= _NODE_KEYS and config["class_name"] not in list(specials)
        if named and not str(config["module"]).startswith("keras.src.ops."):
            function = config["class_name"] == "function"
            name = config["config"] if function else config["class_name"]
            if _known(config, name, custom_objects) is None:
                where = f" (at {place})" if place else ""
                yield _described(config, name) + where
        for key, item in config.items():
            yield from _unknown(item, f"{place}.{key}".lstrip("."), custom_objects)


_NODE_KEYS = {"module", "class_name", "config", "registered_name"}


def construct(cls: Any, config: Any, custom_objects: Mapping[str, Any] | None) -> Any:
    """An object from its class and configuration."""
    if not isinstance(cls, type):
        return cls
    if not isinstance(config, dict) or not hasattr(cls, "from_config"):
        raise TypeError(
            f"{cls.__name__} needs a from_config() and a dict as its config. Received: {config!r}"
        )
    with CustomObjectScope(custom_objects):
        return cls.from_config(config)


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
