"""Dead code is found, also where another function has its name or where only a test calls it."""

from pathlib import Path

from tools.deadcode import uncalled, unused
from tools.docgen.flow.code import read


def a_checkout(root: Path, files: dict[str, str]) -> Path:
    """A checkout with these files of membership."""
    for folder in ("libs", "deploy", "tools", "tests"):
        (root / folder).mkdir()
    for name, text in {"__init__.py": "", **files}.items():
        path = root / "services/membership/lutong_membership" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_function_whose_name_another_has_is_found(tmp_path: Path) -> None:
    checkout = a_checkout(
        tmp_path,
        {
            "debts.py": "def allocate(x):\n    return x\n",
            "collection.py": "def allocate(x):\n    return x\n",
            "http.py": "from lutong_membership.collection import allocate\n\nPAID = allocate(1)\n",
        },
    )
    assert [line.partition(":")[0].rpartition("/")[2] for line in uncalled(read(checkout))] == ["debts.py"]


def test_a_function_that_only_calls_itself_is_found(tmp_path: Path) -> None:
    checkout = a_checkout(tmp_path, {"plans.py": "def count(x):\n    return count(x - 1)\n"})
    assert len(list(uncalled(read(checkout)))) == 1


def test_a_function_that_is_passed_on_is_used(tmp_path: Path) -> None:
    checkout = a_checkout(tmp_path, {"plans.py": "def key(x):\n    return x\n\nORDER = sorted([], key=key)\n"})
    assert list(uncalled(read(checkout))) == []


def test_an_unused_method_and_import_are_found(tmp_path: Path) -> None:
    checkout = a_checkout(
        tmp_path, {"plans.py": "import json\n\nclass Plan:\n    def ends(self):\n        return 1\n\nPlan()\n"}
    )
    assert [line.rpartition(" ")[2] for line in unused(checkout)] == ["'json'", "'ends'"]
