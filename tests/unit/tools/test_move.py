"""A file that moves is found again by everything that names it, and nothing else changes."""

from pathlib import PurePosixPath

import pytest

from tools.move import rewritten

OLD, NEW = PurePosixPath("attic/lamp.py"), PurePosixPath("attic/shelf/torch.py")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from attic.lamp import Wick", "from attic.shelf.torch import Wick"),
        ('"attic.lamp"', '"attic.shelf.torch"'),
        ("from attic import lamp", "from attic.shelf import torch as lamp"),
        ("see attic/lamp.py", "see attic/shelf/torch.py"),
        ("from attic.lampshade import Wick", "from attic.lampshade import Wick"),
        ("my.attic.lamp", "my.attic.lamp"),
        ("other/attic/lamp.py", "other/attic/lamp.py"),
    ],
)
def test_what_names_a_moved_file_is_rewritten(before: str, after: str) -> None:
    assert rewritten(before, OLD, NEW) == after
