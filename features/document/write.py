"""Pages written to a folder: `<language>/<scenario>/<feature>.md`, and an index beside them."""

from collections.abc import Callable, Sequence
from pathlib import Path

from features.document.page import pages
from features.document.words import LANGUAGES, Language
from features.frames import replace_file
from features.spec import Scenario

Progress = Callable[[int, int, str], None]


def write(
    scenarios: Sequence[Scenario],
    out: Path,
    *,
    languages: Sequence[Language] = LANGUAGES,
    progress: Progress | None = None,
) -> int:
    """Write every page of `scenarios` under `out`, each all or nothing; return how many.

    `progress` is called with pages done, pages in all and the page's name.
    """
    total = len(languages) * sum(len(item.features) + 1 for item in scenarios)
    done = 0
    for language in languages:
        for scenario in scenarios:
            for name, text in pages(scenario, language):
                _write(out / language / scenario.name / name, text)
                done += 1
                if progress:
                    progress(done, total, name.removesuffix(".md"))
    return done


def _write(path: Path, text: str) -> None:
    replace_file(path, lambda part: part.write_text(text, encoding="utf-8"))
