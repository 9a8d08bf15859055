"""What OpenAPI cannot say by itself: it counts items and characters, and what bounds a body is its bytes."""

from typing import Any

from fastapi import FastAPI


def say_bytes(app: FastAPI, bytes_max: int) -> None:
    """Have the OpenAPI document say of every request body how many bytes it may have, in words and as `x-bytes-max`."""
    generated = app.openapi

    def openapi() -> dict[str, Any]:
        document = generated()
        for operations in document["paths"].values():
            for operation in operations.values():
                if "requestBody" in operation:
                    said = f"At most {bytes_max:,} bytes, whatever the bounds of its parts add up to."
                    operation["requestBody"] |= {"description": said, "x-bytes-max": bytes_max}
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend it
