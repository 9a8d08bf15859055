"""A file that moves is found again by everything that names it, and nothing else changes."""

from pathlib import PurePosixPath

import pytest

from tools.move import rewritten

OLD, NEW = PurePosixPath("tests/support/acl_stack.py"), PurePosixPath("tests/support/acl_stack.py")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from tests.support.acl_stack import Secured", "from tests.support.acl_stack import Secured"),
        ('"tests.support.acl_stack"', '"tests.support.acl_stack"'),
        ("from tests import secured", "from tests.support import acl_stack as secured"),
        ("see tests/support/acl_stack.py", "see tests/support/acl_stack.py"),
        ("from tests.secured_other import x", "from tests.secured_other import x"),
        ("my.tests.secured", "my.tests.secured"),
        ("other/tests/secured.py", "other/tests/secured.py"),
    ],
)
def test_what_names_a_moved_file_is_rewritten(before: str, after: str) -> None:
    assert rewritten(before, OLD, NEW) == after
