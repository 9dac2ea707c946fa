"""Every error the project raises on purpose, in one tree.

::

    LianjingError                      500  internal
    ├── DeclarationError               422  declaration         a declaration that cannot be
    │   ├── LeakError                  422  leak                a feature that sees ahead
    │   ├── UnknownFeatureError        404  unknown-feature
    │   └── UnknownScenarioError       404  unknown-scenario
    ├── InputError                     422  invalid-input       a value that breaks a rule
    │   ├── UnreadableSourceError      422  unreadable-source   a file that cannot be read at all
    │   ├── ConflictError              409  conflict            the same key with other content
    │   └── BodyTooLargeError          413  body-too-large
    ├── NotFoundError                  404  not-found
    ├── AccessError                    403  forbidden
    │   └── UnauthenticatedError       401  unauthenticated
    ├── RateLimitError                 429  rate-limited
    ├── LedgerError                    503  ledger              the store cannot answer
    │   ├── LedgerBusyError            503  ledger-busy
    │   └── DeadlineError              503  deadline
    └── BundleError                    503  bundle              a model that may not be used
        ├── CorruptBundleError         503  corrupt-bundle
        ├── IncompatibleBundleError    503  incompatible-bundle
        └── NoChampionError            503  no-champion

A message names the offender, the rule and the way out.
Each class carries the HTTP status and the stable slug that the service answers with;
nothing below `serving` knows more of HTTP than that number.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from http import HTTPStatus
from typing import ClassVar, Self


class LianjingError(Exception):
    """Root of all errors that are raised on purpose."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    slug: ClassVar[str] = "internal"


class DeclarationError(LianjingError):
    """A feature, scenario or mapping that cannot be what it says."""

    status, slug = HTTPStatus.UNPROCESSABLE_ENTITY, "declaration"


class LeakError(DeclarationError):
    """A declared feature that would see what was not yet known."""

    slug = "leak"


class _UnknownNameError(DeclarationError):
    """A name that nothing declares; the message offers the nearest one."""

    status = HTTPStatus.NOT_FOUND
    noun: ClassVar[str] = "name"

    @classmethod
    def among(cls, name: str, known: Iterable[str]) -> Self:
        """Build the error for `name`, naming what was meant or what there is.

        >>> str(UnknownFeatureError.among("amount_sum_9d", ["amount_sum_90d", "n_30d"]))
        "no feature 'amount_sum_9d'; nearest: amount_sum_90d"
        """
        names = sorted(known)
        near = get_close_matches(name, names, n=3) or names[:8]
        return cls(f"no {cls.noun} {name!r}; nearest: {', '.join(near) or 'none declared'}")


class UnknownFeatureError(_UnknownNameError):
    """A feature name that no scenario declares."""

    slug, noun = "unknown-feature", "feature"


class UnknownScenarioError(_UnknownNameError):
    """A scenario name that is not known."""

    slug, noun = "unknown-scenario", "scenario"


class InputError(LianjingError):
    """A value, row or body that breaks a rule."""

    status, slug = HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-input"


class UnreadableSourceError(InputError):
    """A file that cannot be read at all."""

    slug = "unreadable-source"


class ConflictError(InputError):
    """The same natural key with other content."""

    status, slug = HTTPStatus.CONFLICT, "conflict"


class BodyTooLargeError(InputError):
    """A request body over the limit."""

    status, slug = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body-too-large"


class NotFoundError(LianjingError):
    """Something asked for by id that is not there."""

    status, slug = HTTPStatus.NOT_FOUND, "not-found"


class AccessError(LianjingError):
    """A caller who is known but may not."""

    status, slug = HTTPStatus.FORBIDDEN, "forbidden"


class UnauthenticatedError(AccessError):
    """A caller who is not known."""

    status, slug = HTTPStatus.UNAUTHORIZED, "unauthenticated"


class RateLimitError(LianjingError):
    """A caller who asks more often than agreed."""

    status, slug = HTTPStatus.TOO_MANY_REQUESTS, "rate-limited"


class LedgerError(LianjingError):
    """A store that cannot answer, or is not ours to write."""

    status, slug = HTTPStatus.SERVICE_UNAVAILABLE, "ledger"


class LedgerBusyError(LedgerError):
    """Another process holds the ledger's head."""

    slug = "ledger-busy"


class DeadlineError(LedgerError):
    """An answer that would have come after the caller stopped waiting."""

    slug = "deadline"


class BundleError(LianjingError):
    """A model that may not be used."""

    status, slug = HTTPStatus.SERVICE_UNAVAILABLE, "bundle"


class CorruptBundleError(BundleError):
    """A bundle whose bytes, shapes, types or bounds are not what its manifest says."""

    slug = "corrupt-bundle"


class IncompatibleBundleError(BundleError):
    """A sound bundle that was trained for another feature spec or format."""

    slug = "incompatible-bundle"


class NoChampionError(BundleError):
    """A scenario for which nothing has been promoted."""

    slug = "no-champion"
