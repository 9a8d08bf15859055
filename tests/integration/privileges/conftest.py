"""One broker and one server, as they are deployed, for all tests of who may do what."""

from collections.abc import Iterator

import pytest

from lutong_contracts.topics import SERVICES
from tests.support.acl_stack import AclStack, acl_stack, create_databases, migrate


@pytest.fixture(scope="package")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AclStack]:
    with acl_stack(tmp_path_factory.mktemp("secured")) as made:
        yield made


@pytest.fixture(scope="package")
def databases(broker: AclStack) -> AclStack:
    """The server after the jobs `databases` and `<service>-migrate` have run."""
    create_databases(broker)
    for service in SERVICES:
        migrate(broker, service)
    return broker
