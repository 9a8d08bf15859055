"""The service that these tests are about."""

import pytest

from lutong_chassis import Service
from lutong_membership import app


@pytest.fixture
def service() -> Service:
    return app.service
