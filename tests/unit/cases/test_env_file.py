"""deploy/.env means to the command line what it means to compose, which is asked where it is there."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lutong_console.env_file import variables

SURROUNDINGS = {"HERE": "/home/op", "EMPTY": ""}
TAKEN = {
    'A="28001"': "28001",
    "A='28001'": "28001",
    "A=28001": "28001",
    "A = 28001 ": "28001",
    "A=28002 # the registry": "28002",
    'A="28002" # the registry': "28002",
    "A='28002' # it's": "28002",
    "A=a#b": "a#b",
    "A=#x": "#x",
    "A= # a comment alone": "# a comment alone",
    "A=a\t#tab": "a\t#tab",
    'A="a # b"': "a # b",
    "export A=1": "1",
    "export\tA=1": "1",
    "A: yaml": "yaml",
    "A:b": "b",
    "A=": "",
    "A=x=y": "x=y",
    "A==1": "=1",
    "A='it\\'s'": "it's",
    "A='a$HERE ${HERE}'": "a$HERE ${HERE}",
    "A='a\\nb'": "a\\nb",
    "A='a\\\\'": "a\\\\",
    'A="a\\nb"': "a\nb",
    'A="a\\tb\\"c\\\\d"': 'a\tb"c\\d',
    'A="a\\\\" # x': "a\\",
    'A="\\$HERE $HERE \\x \\101"': "$HERE /home/op \\x \\101",
    'A="two\nlines"': "two\nlines",
    "A=a\\nb": "a\\nb",
    "A=a\\": "a\\",
    "B=2\nA=${B}8001": "28001",
    "B=2\nA=$B": "2",
    "B=2\nA=${B": None,
    "A=$$B": "$B",
    "A=$1": "$1",
    "A=$": "$",
    "A=a$ b": "a$ b",
    "A=${HERE}": "/home/op",
    "A=${GONE}x": "x",
    "A=${GONE:-1}": "1",
    "A=${GONE-1}": "1",
    "A=${EMPTY:-1}": "1",
    "A=${EMPTY-1}": "",
    "A=${HERE:+y}${GONE:+n}": "y",
    "A=${HERE+y}${GONE+n}": "y",
    "A=${GONE:-${HERE}-x}": "/home/op-x",
    'A="${GONE:-${HERE}}y"': "/home/opy",
    "A=${HERE:?words}": "/home/op",
    "A=${GONE:?words}": None,
    "A=${GONE?words}": None,
    "A=${}": None,
    "A=${GONE:-a b # c}": None,
    'A="${GONE:-a b # c}"': "a b # c",
    "A='open": None,
    'A="open': None,
    "A b=c": None,
    "A=1\nA=2": "2",
    "A=a'b'": "a'b'",
    'A=a "b" c': 'a "b" c',
    "A=`x`": "`x`",
    "A=路通": "路通",
    "A=p@ss/w:rd%&;": "p@ss/w:rd%&;",
    "\ufeffA=1": "1",
    "A=1\r\n": "1",
    'A="1"\r\n': "1",
    "# A=2\n\n  # x\nA=1": "1",
    "A=1\nB": "1",
    "A=1\nB\nC=3": "1",
    "A=1\nA.b=2\nA-b=3": "1",
}
"""What a file gives for A; None: compose refuses the file."""


def _ours(text: str) -> str | None:
    try:
        return variables(text, SURROUNDINGS)["A"]
    except ValueError:
        return None


@pytest.mark.parametrize("text", TAKEN)
def test_a_file_means_what_it_means_to_compose(text: str) -> None:
    assert _ours(text) == TAKEN[text]


REFUSED = [text for text, value in TAKEN.items() if value is None]
TOGETHER = [text for text, value in TAKEN.items() if value is not None and "\ufeff" not in text]


def _compose(place: Path, text: str) -> subprocess.CompletedProcess[str]:
    """What compose shows of its variables; it needs no engine for that."""
    (place / "compose.yaml").write_text("services: {x: {image: y}}", encoding="utf-8")
    (place / ".env").write_text(text, encoding="utf-8", newline="")
    done = subprocess.run(
        [shutil.which("docker") or "", "compose", "config", "--environment"], cwd=place, capture_output=True, check=False,
        env=os.environ | SURROUNDINGS, encoding="utf-8",
    )  # fmt: skip
    if "unknown" in done.stderr:
        pytest.skip(done.stderr)
    return done


def _numbered(text: str, number: int) -> str:
    return re.sub(r"\b([AB])\b", rf"\g<1>{number}", text)


@pytest.mark.skipif(not shutil.which("docker"), reason="there is no compose to ask")
def test_the_control_compose_itself_agrees(tmp_path: Path) -> None:
    printed = _compose(tmp_path, "\n".join(_numbered(text, number) for number, text in enumerate(TOGETHER))).stdout
    for number, text in enumerate(TOGETHER):
        assert f"\nA{number}={_numbered(TAKEN[text] or '', number)}\n" in f"\n{printed}\n", text


@pytest.mark.skipif(not shutil.which("docker"), reason="there is no compose to ask")
@pytest.mark.parametrize("text", REFUSED)
def test_the_control_compose_itself_refuses_it(text: str, tmp_path: Path) -> None:
    assert _compose(tmp_path, text).returncode != 0


def test_what_surrounds_the_file_wins() -> None:
    assert variables("A=1\nHERE=/file\nB=$HERE\nHERE2=$A", {"HERE": "/home/op", "A": "9"}) == {
        "A": "9", "HERE": "/home/op", "B": "/home/op", "HERE2": "9"
    }  # fmt: skip


def test_a_name_alone_takes_what_surrounds_the_file() -> None:
    assert variables("HERE\nGONE\nA=1", SURROUNDINGS) == {"HERE": "/home/op", "A": "1"}


def test_a_file_that_cannot_be_read_names_the_line() -> None:
    with pytest.raises(ValueError, match=r"^line 3: a quote is not closed$"):
        variables("A=1\n# x\nB='x\nC=2", {})
