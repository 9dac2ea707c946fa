"""The report of a screening: one self-contained HTML page, its JSON and its plots in one folder."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from jinja2 import Environment, StrictUndefined

from features.frames import replace_file
from training.report import told
from training.screening import HOW_TO_READ, Screening
from training.screening_plots import draw

CAPTIONS: Final = {
    "overlap": "Units that the model, the fixed rules or both select within the budget.",
    "recall": "Share of planted units selected within the budget, by kind and strength.",
    "delays": "Days from the onset of a case to its first event above the live line.",
}
_TEMPLATE: Final = Path(__file__).with_name("screening.html.j2")


def render(screening: Screening, plots: Sequence[Path] = ()) -> str:
    """The report as HTML; `plots` are PNG files and become part of it."""
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    page = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return page.render(
        s=screening,
        how=HOW_TO_READ,
        plots=[_inline(path) for path in plots],
        percent=lambda share: f"{share:.1%}",
        days=lambda value: "" if value is None else f"{value:.1f}",
        rate=told,
    )


def write(screening: Screening, folder: Path) -> Path:
    """Write `screening.html`, `screening.json` and the plots into `folder`; the page's path."""
    plots = draw(screening, folder)
    page, data = render(screening, plots), screening.to_json()
    replace_file(folder / "screening.json", lambda part: part.write_text(data, encoding="utf-8"))
    out = folder / "screening.html"
    replace_file(out, lambda part: part.write_text(page, encoding="utf-8"))
    return out


def _inline(path: Path) -> dict[str, str]:
    content = base64.b64encode(path.read_bytes()).decode()
    return {"content": content, "caption": CAPTIONS.get(path.stem, path.stem)}
