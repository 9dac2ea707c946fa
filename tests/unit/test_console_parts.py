"""The console's parts without a request: sessions, drawings, catalogues, vendored files."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

from features.contracts.errors import InputError, UnreadableSourceError
from features.contracts.verdicts import Reason, Status
from serving.console.charts import draw_bullet
from serving.console.door import safe_target
from serving.console.language import LOCALES, TAGS
from serving.console.sessions import Role, Sessions
from serving.console.vendor import CONSOLE, vendor

NOON = datetime(2026, 3, 4, 4, tzinfo=UTC)


def make_reason(**values: float | None) -> Reason:
    fixed = {"feature": "gap_days", "unit": "days", "direction": "high", "status": Status.OK}
    texts = dict.fromkeys(("name_zh", "name_en", "statement_zh", "statement_en"), "gap")
    rest = {"contribution": 1.0, "share": 1.0, "peers": None, "window_days": None}
    return Reason.model_validate(fixed | texts | rest | values)


@given(st.text())
def test_no_target_leaves_the_console(wanted: str) -> None:
    """Whatever is asked for, the target is a path of the console."""
    for text in (wanted, f"/console/{wanted}", f"/console/login{wanted}"):
        assert re.fullmatch(r"/console/[^\\\r\n]*", safe_target(text))


@given(st.text(max_size=200))
def test_only_our_own_tokens_open(forged: str) -> None:
    """Neither made-up tokens nor a token with anything appended are sessions."""
    sessions = Sessions(b"k" * 32)
    token = sessions.issue(NOON)
    assert sessions.find(forged, NOON) is None
    assert (sessions.find(token + forged, NOON) is not None) == (forged == "")
    assert Sessions(b"x" * 32).find(token, NOON) is None


def test_a_token_keeps_its_role() -> None:
    """A reviewer who writes the other role into a token has none; names tell sessions apart."""
    sessions = Sessions(b"k" * 32)
    tokens = [sessions.issue(NOON, role) for role in (Role.REVIEWER, Role.SUPERVISOR)]
    opened = [sessions.find(token, NOON) for token in tokens]
    assert [session and session.role for session in opened] == ["reviewer", "supervisor"]
    assert len({session and session.name for session in opened}) == 2
    assert sessions.find(tokens[0].replace("reviewer", "supervisor"), NOON) is None


def test_a_short_signing_key_is_refused() -> None:
    """A key that could be guessed never signs."""
    with pytest.raises(InputError, match="at least 32"):
        Sessions(b"short")


@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=3, max_size=3),
    st.none() | st.floats(),
)
def test_a_drawing_stays_inside_its_frame(values: list[float], typical: float | None) -> None:
    """Whatever the numbers, positions are percentages of the drawing, or there is no drawing."""
    actual, lo, hi = values[0], min(values[1:]), max(values[1:])
    changes = {"actual": actual, "lo": lo, "hi": hi, "typical": typical}
    drawing = draw_bullet(make_reason(**changes))
    if drawing is not None:
        placed = [drawing.band_x, drawing.actual_x, drawing.band_x + drawing.band_width]
        placed += [] if drawing.typical_x is None else [drawing.typical_x]
        assert all(0 <= x <= 100 for x in placed)


def used_texts() -> set[str]:
    found = extract_from_dir(
        CONSOLE,
        method_map=[("templates/**.html", "jinja2.ext:babel_extract"), ("*.py", "python")],
        keywords={"_": None, "gettext": None, "mark": None},
    )
    return {str(text) for _, _, text, _, _ in found}


@pytest.mark.parametrize("locale", TAGS.values())
def test_every_text_has_a_translation(locale: str) -> None:
    """Each catalogue holds exactly the texts in use, none empty, all placeholders kept."""
    with (LOCALES / locale / "LC_MESSAGES" / "console.po").open("rb") as source:
        catalogue = {str(m.id): str(m.string) for m in read_po(source, locale=locale) if m.id}
    assert set(catalogue) == used_texts()
    for text, said in catalogue.items():
        assert said.strip()
        assert sorted(re.findall(r"%\(\w+\)s", said)) == sorted(re.findall(r"%\(\w+\)s", text))


def test_vendoring_needs_the_installed_versions(tmp_path: Path) -> None:
    """Without `npm ci`, or with another version than the lock's, nothing is copied."""
    lock = (CONSOLE / "package-lock.json").read_text("utf-8")
    (tmp_path / "package-lock.json").write_text(lock, "utf-8")
    with pytest.raises(UnreadableSourceError, match="npm ci"):
        vendor(tmp_path)
    versions = {
        name: json.loads(lock)["packages"][f"node_modules/{name}"]["version"]
        for name in ("htmx.org", "echarts")
    }
    install(tmp_path, versions)
    assert {path.name for path in vendor(tmp_path)} == {"htmx.min.js", "echarts.simple.min.js"}
    install(tmp_path, versions | {"echarts": "5.0.0"})
    with pytest.raises(UnreadableSourceError, match=r"echarts is 5\.0\.0"):
        vendor(tmp_path)


def install(console: Path, versions: dict[str, str]) -> None:
    files = {"htmx.org": "htmx.min.js", "echarts": "echarts.simple.min.js"}
    for name, version in versions.items():
        dist = console / "node_modules" / name / "dist"
        dist.mkdir(parents=True, exist_ok=True)
        (dist.parent / "package.json").write_text(json.dumps({"version": version}), "utf-8")
        (dist / files[name]).write_text("// library", "utf-8")


def test_the_lock_file_names_no_host() -> None:
    """Libraries come from whatever registry npm is set up for; the lock only pins their bytes."""
    lock = json.loads((CONSOLE / "package-lock.json").read_text("utf-8"))
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert all(
        "integrity" in package and "resolved" not in package for package in packages.values()
    )
