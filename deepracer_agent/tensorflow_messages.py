"""TensorFlow's frozen graphs as messages, without TensorFlow.

The part of its protocol that a frozen graph uses, with the field numbers of tensorflow/core/
framework/{graph,node_def,attr_value,tensor,tensor_shape,versions}.proto.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

# name and type, "*" for many of them, behind its number
_MESSAGES: dict[str, dict[int, str]] = {
    "GraphDef": {1: "node NodeDef*", 4: "versions VersionDef"},
    "VersionDef": {1: "producer INT32"},
    "NodeDef": {
        1: "name STRING",
        2: "op STRING",
        3: "input STRING*",
        5: "attr NodeDef.AttrEntry*",
    },
    "AttrValue": {
        1: "list ListValue",
        2: "s BYTES",
        3: "i INT64",
        4: "f FLOAT",
        5: "b BOOL",
        6: "type INT32",
        7: "shape TensorShapeProto",
        8: "tensor TensorProto",
    },
    "ListValue": {
        2: "s BYTES*",
        3: "i INT64*",
        4: "f FLOAT*",
        5: "b BOOL*",
        6: "type INT32*",
        7: "shape TensorShapeProto*",
    },
    "TensorShapeProto": {2: "dim Dim*", 3: "unknown_rank BOOL"},
    "Dim": {1: "size INT64"},
    "TensorProto": {
        1: "dtype INT32",
        2: "tensor_shape TensorShapeProto",
        4: "tensor_content BYTES",
        5: "float_val FLOAT*",
        6: "double_val DOUBLE*",
        7: "int_val INT32*",
        10: "int64_val INT64*",
        11: "bool_val BOOL*",
    },
}
_ATTR_ENTRY = {1: "key STRING", 2: "value AttrValue"}  # of the map NodeDef.attr
KINDS = {
    message: {number: text.removesuffix("*").split()[1] for number, text in fields.items()}
    for message, fields in {**_MESSAGES, "NodeDef.AttrEntry": _ATTR_ENTRY}.items()
}
"""What each field of each message is: one of the messages, or a type in capitals."""
_ONE_OF = "AttrValue"  # has one of its fields at a time

PRODUCER = 134  # the version of graphs that TensorFlow 1.15 writes, the last that rl-coach used

_Field = descriptor_pb2.FieldDescriptorProto


def _add_fields(message: Any, fields: dict[int, str]) -> None:
    for number, text in fields.items():
        name, kind = text.removesuffix("*").split()
        label = _Field.LABEL_REPEATED if text.endswith("*") else _Field.LABEL_OPTIONAL
        field = message.field.add(name=name, number=number, label=label)
        if kind.isupper():
            field.type = getattr(_Field, f"TYPE_{kind}")
        else:
            field.type, field.type_name = _Field.TYPE_MESSAGE, f".tensorflow.{kind}"


def _build() -> Any:
    file = descriptor_pb2.FileDescriptorProto(
        name="graph.proto", package="tensorflow", syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        _add_fields(message, fields)
        if name == "NodeDef":
            entry = message.nested_type.add(name="AttrEntry")
            entry.options.map_entry = True
            _add_fields(entry, _ATTR_ENTRY)
        if name == _ONE_OF:
            message.oneof_decl.add(name="value")
            for field in message.field:
                field.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.GraphDef"))


GraphDef = _build()
"""The class of the message that a model.pb holds."""
