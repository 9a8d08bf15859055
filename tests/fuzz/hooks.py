"""What schemathesis has to be told, in its own process: how newline-delimited JSON is written."""

from typing import Any

import orjson
import schemathesis


@schemathesis.serializer("application/x-ndjson")
def ndjson(_context: Any, value: Any) -> bytes:  # noqa: ANN401  # schemathesis gives any document
    """One document a line; what is text or bytes already is sent as it is."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    return b"\n".join(orjson.dumps(item) for item in (value if isinstance(value, list) else [value]))
