"""Names of tests are short sentences: what the check sees, and that all of ours are."""

import pytest

from tools.docgen.documents import ROOT
from tools.testnames import WORDS_MAX, long_names, problems

SHORT = "test_" + "_".join(["word"] * WORDS_MAX)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        (f"def {SHORT}(): ...", []),
        (f"def {SHORT}_more(): ...", [f"{SHORT}_more"]),
        (f"async def {SHORT}_more(): ...", [f"{SHORT}_more"]),
        (f"class TestIt:\n    def {SHORT}_more(self): ...", [f"{SHORT}_more"]),
        (f"def a_{SHORT}_that_is_a_helper(): ...", []),
    ],
)
def test_a_test_may_have_twelve_words(source: str, names: list[str]) -> None:
    assert [found.name for found in long_names(source)] == names


def test_no_test_has_a_longer_name() -> None:
    assert list(problems(ROOT)) == []
