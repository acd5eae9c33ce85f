"""Prints the wire contract inside Pulumi's Python SDK as JSON.

One object for each message, enum and service of the modules below, keyed by its full name. The shape is the one that
`contract.rs` computes from our own descriptors.
"""

import json

from pulumi.runtime.proto import engine_pb2, errors_pb2, plugin_pb2, provider_pb2, status_pb2


def field(f):
    kind = f.message_type or f.enum_type
    return {
        "name": f.name,
        "json": f.json_name,
        "type": f.type,
        "label": 3 if repeated(f) else 1,
        "of": kind.full_name if kind else "",
        "oneof": f.containing_oneof.name if f.containing_oneof else "",
    }


def repeated(f):
    recent = getattr(f, "is_repeated", None)
    return f.label == f.LABEL_REPEATED if recent is None else recent


def message(m, out):
    out["messages"][m.full_name] = {str(f.number): field(f) for f in m.fields}
    for nested in m.nested_types:
        message(nested, out)
    for nested in m.enum_types:
        enum(nested, out)


def enum(e, out):
    out["enums"][e.full_name] = {v.name: v.number for v in e.values}


def service(s, out):
    out["services"][s.full_name] = {
        m.name: [m.input_type.full_name, m.output_type.full_name, bool(m.client_streaming), bool(m.server_streaming)]
        for m in s.methods
    }


def main():
    out = {"messages": {}, "enums": {}, "services": {}}
    for module in (engine_pb2, errors_pb2, plugin_pb2, provider_pb2, status_pb2):
        file = module.DESCRIPTOR
        for m in file.message_types_by_name.values():
            message(m, out)
        for e in file.enum_types_by_name.values():
            enum(e, out)
        for s in file.services_by_name.values():
            service(s, out)
    print(json.dumps(out))


main()
