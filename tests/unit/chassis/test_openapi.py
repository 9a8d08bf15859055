"""Every service describes itself: each operation says what it does, and each body shows an example that is accepted."""

import importlib

import pytest
from fastapi.routing import APIRoute
from pydantic import BaseModel

from lutong_chassis.testing import settings_for

SERVICES = ("feed", "registry", "membership", "inventory")


@pytest.mark.parametrize("name", SERVICES)
def test_every_operation_is_described_and_every_body_has_a_valid_example(name: str) -> None:
    service = importlib.import_module(f"lutong_{name}.app").service
    document = service.app(settings_for("postgresql://unused")).openapi()
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert all(operation.get("description") for operation in operations)
    bodies = [
        route.body_field.field_info.annotation
        for route in service.routes.routes
        if isinstance(route, APIRoute) and route.body_field
    ]
    assert bodies
    for model in bodies:
        assert isinstance(model, type)
        assert issubclass(model, BaseModel)
        examples = model.model_json_schema()["examples"]
        assert all(model.model_validate(example) for example in examples)


@pytest.mark.parametrize("name", SERVICES)
def test_every_command_that_is_unsafe_to_repeat_takes_an_idempotency_key(name: str) -> None:
    service = importlib.import_module(f"lutong_{name}.app").service
    document = service.app(settings_for("postgresql://unused")).openapi()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method in {"post", "put", "delete"} and not path.startswith("/operations/"):
                names = [parameter["name"] for parameter in operation.get("parameters", [])]
                assert "idempotency-key" in names, f"{method} {path}"
