"""One suite in containers for all tests of it; they run in the order of the file, and each leaves it running."""

from collections.abc import Iterator

import pytest

from tests.compose.containers import Containers, containers, engine, start_older, tracing


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    if why := engine():
        pytest.skip(why)
    with containers(tmp_path_factory.mktemp("compose")) as made:
        start_older(made, tmp_path_factory.mktemp("older"))
        made.variables |= tracing(made)
        made.upgraded = made.lutong_ends(0, "up", "--build")
        yield made
