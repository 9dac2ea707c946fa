"""The page of rules: every rule names a test that holds it, and every test named there exists."""

import ast
import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "notebooks" / "semantics.md"
RULES: Final = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("- ")]
_NAMED: Final = re.compile(r"`(test_\w+)`")


def _tests() -> set[str]:
    """Names of all test functions."""
    return {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef)
    }


def test_every_test_that_is_named_exists() -> None:
    """A rule whose test was renamed or dropped holds by luck."""
    named = set(_NAMED.findall(PAGE.read_text("utf-8")))

    assert named - _tests() == set()


@pytest.mark.parametrize("rule", RULES, ids=[rule[2:50] for rule in RULES])
def test_every_rule_ends_with_a_test(rule: str) -> None:
    """One sentence, then in brackets what holds it."""
    assert re.search(r"[^.]\((?:`test_\w+`(?:, )?)+\)\.$", rule)


def test_the_page_is_one_page() -> None:
    """What is longer is not read."""
    assert 30 <= len(RULES) <= 60
