"""Who may see measures of persons: nobody, or those who sign in with the supervisors' key."""

from features.contracts.errors import InputError
from features.contracts.settings import Settings


def check(settings: Settings) -> None:
    """Refuse settings by which measures of persons would be shown to nobody, or to everybody.

    Raises
    ------
    InputError
        Sensitive features are on without a supervisors' key, or the reviewers' key is one as well.

    >>> check(Settings(sensitive_features=True))
    Traceback (most recent call last):
    features.contracts.errors.InputError: LIANJING_SENSITIVE_FEATURES is on without ...
    """
    reviewers, supervisors = (
        sha256.lower() for sha256 in (settings.console_key_sha256, settings.supervisor_key_sha256)
    )
    if settings.sensitive_features and not supervisors:
        raise InputError(
            "LIANJING_SENSITIVE_FEATURES is on without a supervisors' key, and only they may see "
            "measures of persons; set LIANJING_SUPERVISOR_KEY_SHA256 (`lianjing key new` makes "
            "one), or turn the switch off"
        )
    if supervisors and supervisors == reviewers:
        raise InputError(
            "LIANJING_SUPERVISOR_KEY_SHA256 is LIANJING_CONSOLE_KEY_SHA256, so that every reviewer "
            "would be a supervisor; make a key of its own with `lianjing key new`"
        )
