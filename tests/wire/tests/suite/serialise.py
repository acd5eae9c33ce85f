"""Writes a property bag as Pulumi's Python SDK sends it, or reads one as the SDK does.

`send` and `send-outputs` print an encoded Struct in base64. `read` takes one on standard input and prints JSON, in which
`{"unknown": true}` and `{"secret": …}` stand for what JSON has no word for.
"""

import asyncio
import base64
import json
import sys

from google.protobuf import struct_pb2
from pulumi import FileArchive, Output, StringAsset
from pulumi.output import Unknown
from pulumi.runtime import rpc, settings


def unknown(secret):
    settled = lambda value: asyncio.sleep(0, value)
    return Output(set(), settled(Unknown()), settled(False), settled(secret))


def values():
    return {
        "text": "grüße",
        "number": 1.5,
        "list": [True, None, {"k": Output.secret([1])}],
        "secret": Output.secret("x"),
        "unknown": unknown(False),
        "secretUnknown": unknown(True),
        "asset": StringAsset("t"),
        "archive": FileArchive("./d"),
    }


def outputs():
    return {"secret": Output.secret("x"), "unknown": unknown(False), "secretUnknown": unknown(True)}


async def send(bag, as_outputs):
    settings.SETTINGS.monitor_features = set(range(50))
    sent = await rpc.serialize_properties(bag, {}, keep_output_values=as_outputs)
    print(base64.b64encode(sent.SerializeToString()).decode())


def plain(value):
    if isinstance(value, Unknown):
        return {"unknown": True}
    if rpc.is_rpc_secret(value):
        return {"secret": plain(rpc.unwrap_rpc_secret(value))}
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value


async def main(mode):
    settings.configure(settings.Settings(project="p", stack="s", dry_run=True))
    if mode == "read":
        bag = struct_pb2.Struct.FromString(base64.b64decode(sys.stdin.read()))
        # One property at a time: for a whole bag the SDK moves the secretness of an item to the property around it.
        print(json.dumps({name: plain(rpc.deserialize_property(value, True)) for name, value in bag.items()}))
    elif mode == "send":
        await send(values(), False)
    else:
        await send(outputs(), True)


asyncio.run(main(sys.argv[1]))
