"""The pages of the detectors: every section says something, and every example comes out."""

import json
import re
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from features.contracts.errors import InputError
from models.pages import PAGES
from models.registry import DETECTORS
from training.pages import SECTIONS, page, read_figures, write
from training.surface import ENSEMBLE, LABELLED, crowds, draw, fitted, line

NAMES: Final = [ENSEMBLE, *DETECTORS, LABELLED]
VERDICTS: Final = re.compile("violat|fraud|corrupt|guilty|illegal|suspicious", re.IGNORECASE)
PAPER: Final = re.compile(r"doi:10\.\d{4,}/\S+|arXiv:\d{4}\.\d{4,5}")
TOLD: Final = ["- Missing, score", "- Missing, reasons", "- Category"]
PNG: Final = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All pages, written once."""
    out = tmp_path_factory.mktemp("pages")
    told = list[tuple[int, int, str]]()
    n = write(out, progress=lambda *step: told.append(step))
    assert n == len(NAMES) + 1
    assert [name for _, _, name in told] == NAMES
    return out


def test_every_registered_detector_has_words_and_no_other_has() -> None:
    """Whoever registers a detector writes its page; no part of it is empty."""
    assert list(PAGES) == NAMES
    assert not [name for name, words in PAGES.items() if words.gaps()]


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_every_section_and_no_verdict(folder: Path, name: str) -> None:
    """Headings in order, each with a body; a formula; papers with an identifier."""
    text = (folder / f"{name}.md").read_text(encoding="utf-8")
    headings = re.findall("^## (.*)$", text, flags=re.MULTILINE)
    bodies = dict(zip(headings, re.split("^## .*$", text, flags=re.MULTILINE)[1:], strict=True))

    assert tuple(headings) == SECTIONS
    assert all(len(body.strip()) > 20 for body in bodies.values())
    assert re.search(r"```text\n(?:.*\n)*?s\(x\) +=", bodies["Formula"])
    assert "phi_j" in bodies["Formula"]
    told = bodies["Missing values and categories"].strip().splitlines()
    assert [line.split(":")[0] for line in told] == TOLD
    assert all(PAPER.search(item) for item in bodies["References"].strip().split("\n- "))
    assert not VERDICTS.search(text)


@pytest.mark.parametrize("name", NAMES)
def test_links_are_relative_and_lead_somewhere(folder: Path, name: str) -> None:
    """The plot is a picture of some size; the index leads to the page."""
    text = (folder / f"{name}.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\((.*?)\)", text)
    plot = (folder / f"{name}.png").read_bytes()

    assert f"{name}.png" in links
    assert all((folder / link).is_file() and "/" not in link for link in links)
    assert plot.startswith(PNG)
    assert 20_000 < len(plot) < 400_000
    assert f"]({name}.md)" in (folder / "index.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_the_example_comes_out(folder: Path, name: str) -> None:
    """Base and contributions make the score; what is missing counts as the median."""
    text = (folder / f"{name}.md").read_text(encoding="utf-8")
    model, crowd = fitted(name, 0), crowds()[0]
    rows = re.findall(r"^\| (?:a row|second).*$", text, flags=re.MULTILINE)
    cells = [[cell.strip() for cell in row.strip("| ").split("|")] for row in rows]
    known = [float(value) for value in cells[0][1].split(", ")]
    filled = [known[0], float(np.median(crowd.x[:, 1]))]

    assert len(cells) == 2
    for cell, row in zip(cells, (known, filled), strict=True):
        base, *parts, score = (float(value) for value in cell[2:6])
        assert base + sum(parts) == pytest.approx(score, abs=2e-4)
        assert score == pytest.approx(float(model.score(np.array([row]))[0]), abs=1e-4)
    assert cells[1][1].endswith("missing")
    assert f"line runs at {line(model, crowd):.4f}" in text


def test_a_plot_is_the_same_every_time(folder: Path, tmp_path: Path) -> None:
    """Nothing of the day or the machine is in a page or a picture."""
    draw("ecdf", tmp_path / "ecdf.png")

    assert (tmp_path / "ecdf.png").read_bytes() == (folder / "ecdf.png").read_bytes()
    assert page("ecdf", {}) == (folder / "ecdf.md").read_text(encoding="utf-8")


def test_what_the_words_claim_shows_on_the_crowds() -> None:
    """Whatever breaks a correlation, or lies in a gap, is beyond the line of whoever sees it.

    The ensemble sees the clump that breaks the correlation; single columns do not.
    """

    def share(name: str, at: int) -> float:
        crowd, model = crowds()[at], fitted(name, at)
        return float((model.score(crowd.clump) > line(model, crowd)).mean())

    seen = {("mahalanobis", 0): 1.0, ("ecdf", 0): 0.0, ("neighbours", 1): 1.0, ("ecdf", 1): 0.0}
    seen |= {(ENSEMBLE, 0): 1.0, (ENSEMBLE, 1): 1.0, ("forest", 1): 0.0}
    for (name, at), expected in seen.items():
        assert share(name, at) == expected


def test_a_detector_without_a_page_has_a_way_out() -> None:
    """One line that says which file to write."""
    with pytest.raises(InputError, match=r"'crystal' has no page; write models/pages/crystal\.py"):
        page("crystal", {})


def test_measured_figures_stand_beside_the_orders(tmp_path: Path) -> None:
    """Where the benchmark was run; anything else in its place is refused."""
    path = tmp_path / "models.json"
    assert read_figures(path) == {}
    figure = {"key": "fit_s", "what": "fitting 100k x 40", "value": 12.3456, "bar": "<= 15"}
    path.write_text(json.dumps({"figures": {"fit_s": figure}}))

    assert "| fitting 100k x 40 | 12.35 |" in page(ENSEMBLE, read_figures(path))
    assert "| measured |" not in page("ecdf", read_figures(path))
    for content in ("[]", "{}", "not json", '{"figures": {"fit_s": 3}}'):
        path.write_text(content)
        with pytest.raises(InputError, match="no figures of a benchmark"):
            read_figures(path)
