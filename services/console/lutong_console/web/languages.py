"""Chinese and English: the texts of pages are English in the code; `locale/zh.po` has the Chinese of each."""

from collections.abc import Iterable
from functools import cache
from gettext import NullTranslations
from pathlib import Path
from typing import Final, Literal, get_args

from babel import Locale, negotiate_locale
from babel.messages.pofile import read_po
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

Language = Literal["en", "zh"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
LOCALE: Final = Path(__file__).with_name("locale")


class Texts(NullTranslations):
    """Texts of one language, by the English one. What is missing stays English: a test finds it."""

    def __init__(self, texts: dict[str, str]) -> None:
        super().__init__()
        self.texts = texts

    def gettext(self, message: str) -> str:
        """A text in this language."""
        return self.texts.get(message, message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """One of two forms of English; Chinese has one form, which is that of many."""
        return self.gettext(msgid1 if n == 1 else msgid2) if not self.texts else self.gettext(msgid2)


@cache
def texts(language: Language, folder: Path = LOCALE) -> Texts:
    """The texts of a language, read once: a catalogue needs no build step."""
    file = folder / f"{language}.po"
    if not file.exists():
        return Texts({})
    with file.open("rb") as opened:
        return Texts({str(each.id): str(each.string) for each in read_po(opened) if each.id and each.string})


def environment(templates: Path, texts_of: Texts) -> Environment:
    """Templates of a folder, escaped, in one language; a name that is not given is an error."""
    made = Environment(
        loader=FileSystemLoader(templates),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.install_gettext_translations(texts_of, newstyle=True)  # type: ignore[attr-defined]  # i18n's
    return made


def chosen(cookie: str | None, accept_language: str) -> Language:
    """The language of a person: the one they chose, else the first of their browser's that there is.

    >>> chosen(None, "zh-CN,zh;q=0.9,en;q=0.8")
    'zh'
    """
    if cookie in LANGUAGES:
        return "zh" if cookie == "zh" else "en"
    found = negotiate_locale(_preferred(accept_language), LANGUAGES, sep="-")
    return "zh" if found == "zh" else "en"


def _preferred(accept_language: str) -> Iterable[str]:
    """Languages of a header, in the order in which browsers write them."""
    return [part.partition(";")[0].strip() for part in accept_language.split(",") if part.strip()]


def locale_of(language: Language) -> Locale:
    """Babel's locale, for numbers and dates."""
    return Locale.parse(language)
