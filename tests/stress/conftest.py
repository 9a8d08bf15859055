"""The fixtures of the integration tests: real databases, made from templates."""

from tests.integration.conftest import pool_of, templates

__all__ = ["pool_of", "templates"]
