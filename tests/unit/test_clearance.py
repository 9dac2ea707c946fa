"""By which settings a service starts, where measures of persons are concerned."""

from functools import partial
from pathlib import Path

import pytest

from features.contracts.errors import InputError
from features.contracts.settings import Settings
from serving.app import create_app
from serving.clearance import check

REVIEWERS, SUPERVISORS = "a" * 64, "b" * 64
settings = partial(Settings, console_key_sha256=REVIEWERS)


def test_the_switch_needs_a_supervisors_key(tmp_path: Path) -> None:
    """Without one the service is not made at all."""
    with pytest.raises(InputError, match=r"SENSITIVE_FEATURES is on .* set LIANJING_SUPERVISOR"):
        create_app(settings(home=tmp_path, sensitive_features=True))


def test_the_reviewers_key_is_not_the_supervisors() -> None:
    """In whatever case the digest is written, and also while the switch is off."""
    with pytest.raises(InputError, match="would be a supervisor"):
        check(settings(supervisor_key_sha256=REVIEWERS.upper()))


def test_other_settings_are_let_through() -> None:
    """Off needs no key, and on needs the one; no key at all is one's own affair."""
    for chosen in (
        Settings(),
        settings(),
        settings(supervisor_key_sha256=SUPERVISORS),
        settings(supervisor_key_sha256=SUPERVISORS, sensitive_features=True),
    ):
        check(chosen)
