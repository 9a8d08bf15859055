"""Examples in docstrings run, and every public name of the libraries has a docstring."""

import doctest
from importlib import import_module

import pytest

import lutong_chassis
import lutong_client
import lutong_contracts

PURE = (
    "lutong_chassis.database", "lutong_chassis.noticing", "lutong_chassis.problem", "lutong_chassis.progress",
    "lutong_chassis.rows", "lutong_client.message", "lutong_client.publisher", "lutong_client.testing",
    "lutong_contracts.event", "lutong_contracts.moments", "lutong_contracts.topics",
)  # fmt: skip
SHOWN_ONLY = {"Event", "Tx", "Received"}
"""Docstrings whose example needs a database or defines an event."""


def examples(module: str) -> list[doctest.DocTest]:
    found = doctest.DocTestFinder(exclude_empty=True).find(import_module(module))
    return [test for test in found if test.examples and test.name.rpartition(".")[2] not in SHOWN_ONLY]


@pytest.mark.parametrize("module", PURE)
def test_examples_of_docstrings_run(module: str) -> None:
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL)
    tests = examples(module)
    assert tests
    assert [test.name for test in tests if runner.run(test).failed] == []


@pytest.mark.parametrize("package", [lutong_chassis, lutong_client, lutong_contracts])
def test_every_public_class_and_function_is_documented(package: object) -> None:
    names: list[str] = vars(package)["__all__"]
    public = {name: getattr(package, name) for name in names}
    bare = {name for name, value in public.items() if callable(value) and not value.__doc__}
    assert bare == set()


def test_an_example_that_is_wrong_is_found() -> None:
    wrong = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, 0)
    assert doctest.DocTestRunner(verbose=False).run(wrong, out=lambda _text: None).failed == 1
