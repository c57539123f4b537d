"""Objects as JSON nodes and back, from a closed table of classes by Keras's public names.

A class can be built from a node only if the package published it, its user registered it, or the
caller passed it in. No name in a node is ever imported, and nothing in it is executed.
"""

from cnn_ext.registry.family import Configured, Family, family
from cnn_ext.registry.nodes import (
    array_from,
    check_known,
    deserialize_keras_object,
    serialize_keras_object,
    serialize_shared,
)
from cnn_ext.registry.table import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    publish,
    publish_special,
    published,
    register_keras_serializable,
    sharing,
)

__all__ = [
    "Configured",
    "CustomObjectScope",
    "Family",
    "array_from",
    "check_known",
    "custom_object_scope",
    "deserialize_keras_object",
    "family",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "publish",
    "publish_special",
    "published",
    "register_keras_serializable",
    "serialize_keras_object",
    "serialize_shared",
    "sharing",
]
