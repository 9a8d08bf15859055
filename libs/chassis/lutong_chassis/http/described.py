"""What FastAPI leaves out of the OpenAPI document: the largest body in bytes."""

from typing import Any

from fastapi import FastAPI


def document_body_limit(app: FastAPI, bytes_max: int) -> None:
    """Add the largest size to every request body of the OpenAPI document, as text and as `x-bytes-max`."""
    generated = app.openapi

    def openapi() -> dict[str, Any]:
        document = generated()
        for operations in document["paths"].values():
            for operation in operations.values():
                if "requestBody" in operation:
                    limit = f"At most {bytes_max:,} bytes, even where the limits of its parts add up to more."
                    operation["requestBody"] |= {"description": limit, "x-bytes-max": bytes_max}
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend it
