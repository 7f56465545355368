"""The message in which a record holds an example, `tf.train.Example`, without TensorFlow.

Defined here as in TensorFlow's `example.proto` and `feature.proto`, in a pool of its own: two
definitions in the common pool would be an error wherever TensorFlow is imported, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

_Field = descriptor_pb2.FieldDescriptorProto
_LISTS = {  # name and number of the kinds of a feature → type of its values
    ("bytes_list", 1): ("BytesList", _Field.TYPE_BYTES),
    ("float_list", 2): ("FloatList", _Field.TYPE_FLOAT),
    ("int64_list", 3): ("Int64List", _Field.TYPE_INT64),
}


def parse_features(content: bytes) -> Mapping[str, Any]:
    """The features of an example by name, each with a `bytes_list`, `float_list` or `int64_list`.

    Raises:
      ValueError: the content is no such message.
    """
    try:
        return _Example.FromString(content).features.feature
    except DecodeError as error:
        raise ValueError(str(error)) from error


def _example_file() -> descriptor_pb2.FileDescriptorProto:
    """The definition of the messages."""
    file = descriptor_pb2.FileDescriptorProto(
        name="ovis_jax/example.proto", package="tensorflow", syntax="proto3"
    )
    feature = descriptor_pb2.DescriptorProto(name="Feature")
    feature.oneof_decl.add(name="kind")
    for (field, number), (message, kind) in _LISTS.items():
        values = file.message_type.add(name=message).field
        values.add(name="value", number=1, type=kind, label=_Field.LABEL_REPEATED)
        _add_message(feature, field, number, message).oneof_index = 0
    file.message_type.append(feature)
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=_Field.TYPE_STRING, label=_Field.LABEL_OPTIONAL)
    _add_message(entry, "value", 2, "Feature")
    entries = _add_message(features, "feature", 1, "Features.FeatureEntry")
    entries.label = _Field.LABEL_REPEATED
    _add_message(file.message_type.add(name="Example"), "features", 1, "Features")
    return file


def _add_message(
    owner: descriptor_pb2.DescriptorProto, name: str, number: int, message: str
) -> descriptor_pb2.FieldDescriptorProto:
    """A field that holds another message."""
    return owner.field.add(
        name=name,
        number=number,
        type=_Field.TYPE_MESSAGE,
        type_name=f".tensorflow.{message}",
        label=_Field.LABEL_OPTIONAL,
    )


_pool = descriptor_pool.DescriptorPool()
_pool.Add(_example_file())
_Example = message_factory.GetMessageClass(_pool.FindMessageTypeByName("tensorflow.Example"))
