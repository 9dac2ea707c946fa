"""The pages of rules: every rule names a test that holds it, and every test named there exists."""

import ast
import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = {name: ROOT / "notebooks" / f"{name}.md" for name in ("semantics", "review-budget")}
RULES: Final = {
    name: [line for line in page.read_text("utf-8").splitlines() if line.startswith("- ")]
    for name, page in PAGES.items()
}
EVERY: Final = [rule for rules in RULES.values() for rule in rules]
_NAMED: Final = re.compile(r"`(test_\w+)`")


def _tests() -> set[str]:
    """Names of all test functions."""
    return {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef)
    }


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_every_test_that_is_named_exists(page: Path) -> None:
    """A rule whose test was renamed or dropped holds by luck."""
    named = set(_NAMED.findall(page.read_text("utf-8")))

    assert named - _tests() == set()


@pytest.mark.parametrize("rule", EVERY, ids=[rule[2:50] for rule in EVERY])
def test_every_rule_ends_with_a_test(rule: str) -> None:
    """One sentence, then in brackets what holds it."""
    assert re.search(r"[^.]\((?:`test_\w+`(?:, )?)+\)\.$", rule)


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_the_page_is_one_page(rules: list[str]) -> None:
    """What is longer is not read."""
    assert 30 <= len(rules) <= 60
