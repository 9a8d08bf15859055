"""Page paths as mini-programs have them, out of WeChat's own demonstration, and those that lead elsewhere."""

import json
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from lutong_registry.programs.bodies import Manifest

CORPUS = Path(__file__).parents[4] / "shared" / "data" / "conformance" / "wechat-miniprogram-demo"


def is_taken(page: str) -> bool:
    try:
        TypeAdapter(Manifest).validate_python({"title": "t", "page": page})
    except ValidationError:
        return False
    return True


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of WeChat's demonstration is not beside this checkout")
def test_every_page_of_wechats_demonstration_is_taken() -> None:
    app = json.loads((CORPUS / "miniprogram" / "app.json").read_text(encoding="utf-8"))
    packages = app.get("subpackages", []) + app.get("subPackages", [])
    pages = app["pages"] + [f"{each['root'].rstrip('/')}/{page}" for each in packages for page in each["pages"]]
    assert len(pages) > 300
    assert [page for page in pages if not is_taken(page)] == []


@pytest.mark.parametrize(
    "page",
    [
        "packageComponent/pages/view/view/view",
        "packageA/pages/detail",
        "pages/index/index.html",
        "pages/index/index?scene=a+b",
        "pages/index/index?q=a:b",
        "pages/fund/index?from=feed&id=%E5%85%AC",
        "pages/web/web?url=https%3A%2F%2Fgov.example%2Fa,b;c",
    ],
)
def test_a_page_as_people_have_it_is_taken(page: str) -> None:
    assert is_taken(page)


@pytest.mark.parametrize(
    "page",
    ["", "/pages/index", "https://evil.example", "../secrets", "pages/../../x", "pages//x", "pages/", "a b", "p\n", ".x",
     "javascript:alert(1)", "//evil.example", "pages/x#y", "pages/x?url=https://y", "pages/x?a=<b>", 'pages/x?a="b"', "pages\\x"],
)  # fmt: skip
def test_a_page_that_leads_elsewhere_is_refused(page: str) -> None:
    assert not is_taken(page)
