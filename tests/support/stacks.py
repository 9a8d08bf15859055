"""A suite of a test's own, on the local stack: gone with its data when the test ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lutong_local.stack import Stack, down, up


@contextmanager
def a_stack(directory: Path) -> Iterator[Stack]:
    """Four services on a Kafka and a PostgreSQL in this directory. They end with the test's process, however that ends."""
    running = up(directory, lambda _: None, dies_with_parent=True)
    try:
        yield running
    finally:
        down(running, lambda _: None, purge=True)
