"""Writes docs/asyncapi.json, the AsyncAPI 3 description of all topics, from the types that make and read the payloads.

`python -m telemetry.asyncapi` writes it; with `--check` it says (exit code 1) when the file is not what the types say.
"""

from __future__ import annotations

import argparse
import inspect
import json
import sys
from pathlib import Path
from typing import Any, get_args

import msgspec

from telemetry.commands import COMMANDS, MAXIMUM_AHEAD, MAXIMUM_COMMAND_BYTES, STOP, StopCommand
from telemetry.payloads import OUTGOING, Availability, ResponsePayload

DOCUMENT = Path(__file__).parent.parent / "docs" / "asyncapi.json"
BASE = "sternway/v1/{clinic}/{treadmill}"
QUALITY: dict[str, tuple[int, bool]] = {
    "availability": (1, True),
    "about": (1, True),
    "state": (1, True),
    "session": (1, True),
    "telemetry": (0, False),
    "event": (1, False),
    "alarm": (1, True),
}
"""Topic to QoS and whether it is retained."""


def document() -> dict[str, Any]:
    """Returns the AsyncAPI document."""
    types: dict[str, Any] = {**OUTGOING, "response": ResponsePayload}
    types |= {f"command/{name}": command for name, command in (*COMMANDS.items(), (STOP, StopCommand))}
    schemas, components = msgspec.json.schema_components(list(types.values()), ref_template="#/components/schemas/{name}")
    for schema in components.values():  # one msgspec keeps the indent of a docstring, another does not
        schema |= {key: inspect.cleandoc(text) for key, text in schema.items() if key == "description"}
    payloads = dict(zip(types, schemas, strict=True))
    payloads["availability"] = {"type": "string", "enum": list(get_args(Availability))}
    channels, operations = {}, {}
    for topic, schema in sorted(payloads.items()):
        channels[_key(topic)] = _channel(topic, schema)
        operations[_key(topic)] = _operation(topic)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Sternway telemetry",
            "version": "1",
            "description": "Payloads are JSON in SI units with the unit in the key, but for availability, a bare word. "
            "There is no command that starts or speeds up a belt.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"broker": {"host": "localhost:1883", "protocol": "mqtt", "protocolVersion": "5.0"}},
        "channels": channels,
        "operations": operations,
        "components": {"schemas": msgspec.json.decode(msgspec.json.encode(components))},  # a default () is JSON's []
    }


def rendered() -> str:
    """Returns the document as it stands in the file."""
    return json.dumps(document(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _key(topic: str) -> str:
    return topic.replace("/", "_")


def _channel(topic: str, schema: dict[str, Any]) -> dict[str, Any]:
    name = _parameter("1 to 32 of a-z, 0-9 and the hyphen")
    parameters = {"clinic": name, "treadmill": name}
    address = f"{BASE}/{topic}"
    if topic == "response":
        address += "/{asker}"
        parameters["asker"] = _parameter("up to four levels of A-Z, a-z, 0-9, _ and -, chosen by who sends the command")
    message: dict[str, Any] = {"name": _key(topic), "payload": schema}
    if topic == "availability":
        message["contentType"] = "text/plain"
    return {"address": address, "parameters": parameters, "messages": {_key(topic): message}}


def _parameter(description: str) -> dict[str, str]:
    return {"description": description}


def _operation(topic: str) -> dict[str, Any]:
    operation: dict[str, Any] = {"channel": {"$ref": f"#/channels/{_key(topic)}"}}
    if topic.startswith("command/"):
        operation["action"] = "receive"
        operation["bindings"] = {"mqtt": {"qos": 1, "bindingVersion": "0.2.0"}}
        operation["reply"] = {
            "address": {"location": "$message.header#/responseTopic"},
            "channel": {"$ref": "#/channels/response"},
        }
        operation["description"] = _command_rules(topic)
        return operation
    quality, retained = QUALITY.get(topic, (1, False))
    operation["action"] = "send"
    operation["bindings"] = {"mqtt": {"qos": quality, "retain": retained, "bindingVersion": "0.2.0"}}
    return operation


def _command_rules(topic: str) -> str:
    if topic == f"command/{STOP}":
        return "Obeyed without id, however late and whatever the body, unless retained."
    return (
        f"Refused when retained, over {MAXIMUM_COMMAND_BYTES} bytes, expired, expiring more than "
        f"{MAXIMUM_AHEAD.seconds} s ahead, or repeated."
    )


def main(arguments: list[str] | None = None) -> int:
    """Writes or checks the file; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m telemetry.asyncapi")
    parser.add_argument("--check", action="store_true", help="change nothing; fail when the file is out of date")
    parser.add_argument("--file", type=Path, default=DOCUMENT)
    options = parser.parse_args(arguments)
    text = rendered()
    if not options.check:
        options.file.write_text(text, encoding="utf-8")
        return 0
    if options.file.exists() and options.file.read_text(encoding="utf-8") == text:
        return 0
    sys.stderr.write(f"{options.file} is not what the types say; run python -m telemetry.asyncapi\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
