"""The console's two languages, from gettext catalogues compiled in memory at start-up.

Msgids are the English sentences. Templates call `_()` with literal text only: what it returns
counts as safe markup, so a value from outside must never be its first argument.
"""

import gettext
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALES: Final = Path(__file__).with_name("locales")
TAGS: Final = {"zh-CN": "zh_CN", "en": "en"}
"""Language tags of HTML and of `?lang=`, with the locale each stands for."""
DEFAULT: Final = "zh-CN"


def mark(text: str) -> str:
    """Mark text for the catalogues where it is declared; it is translated where it is shown.

    >>> mark("Queue")
    'Queue'
    """
    return text


@dataclass(frozen=True, slots=True)
class Language:
    """One language: its tag, its Babel locale and its compiled catalogue."""

    tag: str
    locale: str
    catalogue: gettext.GNUTranslations

    def say(self, text: str, /, **values: str) -> str:
        """Give the marked text in this language, with its placeholders filled in."""
        said = self.catalogue.gettext(text)
        return said % values if values else said

    def choose(self, zh: str, en: str) -> str:
        """Give the one of two texts that is in this language."""
        return zh if self.tag == DEFAULT else en


def load_languages(folder: Path = LOCALES) -> dict[str, Language]:
    """Compile every catalogue below `folder`; keys are the language tags.

    >>> load_languages()["zh-CN"].say("Queue")
    '待核查'
    """
    return {tag: Language(tag, locale, _compile(folder, locale)) for tag, locale in TAGS.items()}


def _compile(folder: Path, locale: str) -> gettext.GNUTranslations:
    with (folder / locale / "LC_MESSAGES" / "console.po").open("rb") as source:
        catalogue = read_po(source, locale=locale)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def pick_tag(*wanted: str | None) -> str:
    """Give the first wanted tag that the console speaks, else Chinese.

    >>> pick_tag(None, "fr", "en")
    'en'
    >>> pick_tag("zh", "en")
    'zh-CN'
    """
    known = {"zh": DEFAULT} | {tag: tag for tag in TAGS}
    return next((known[tag] for tag in wanted if tag in known), DEFAULT)
