"""Numbers, money, dates and durations as the reader's locale writes them."""

import math
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import (
    format_currency,
    format_decimal,
    format_percent,
    get_currency_precision,
)

NOTHING: Final = "—"
"""What stands for a value that is not there."""
TIMEZONE: Final = "Asia/Shanghai"
_FINEST: Final = Decimal("0.00001")
_PATTERNS: Final = ((1000.0, "#,##0"), (10.0, "#,##0.#"), (1.0, "#,##0.##"), (0.0, "#,##0.###"))


@dataclass(frozen=True, slots=True)
class Formats:
    """How one locale writes values, in one time zone.

    >>> formats = Formats("en")
    >>> formats.money(1_234_567, "CNY"), formats.money(500, "JPY"), formats.money(None, "CNY")
    ('CN¥12,345.67', '¥500', '—')
    >>> formats.quantity(0.421, "share", "CNY"), formats.quantity(1234.56, "events", "CNY")
    ('42.1%', '1,235')
    """

    locale: str
    timezone: str = TIMEZONE

    def money(self, minor: int | None, currency: str) -> str:
        """Write an amount in minor units with its currency's sign and precision."""
        if minor is None:
            return NOTHING
        major = Decimal(minor).scaleb(-get_currency_precision(currency))
        return format_currency(major, currency, locale=self.locale)

    def quantity(self, value: float | None, unit: str, currency: str) -> str:
        """Write a reason's value: money in its currency, a share as percent, else a number."""
        if value is None or not math.isfinite(value):
            return NOTHING
        if unit in {"money", currency}:
            return self._coarse_money(value, currency)
        if unit == "share":
            return format_percent(value, format="#,##0.#%", locale=self.locale)
        return self.number(value)

    def _coarse_money(self, value: float, currency: str) -> str:
        whole = abs(value) >= _PATTERNS[0][0]
        major = round(value) if whole else value
        return format_currency(
            major,
            currency,
            locale=self.locale,
            format="¤#,##0" if whole else None,
            currency_digits=not whole,
        )

    def number(self, value: float) -> str:
        """Write a number with as many decimals as its size deserves."""
        pattern = next(shape for bound, shape in _PATTERNS if abs(value) >= bound)
        return format_decimal(value, format=pattern, locale=self.locale)

    def share(self, value: float) -> str:
        """Write a share of 0 to 1 as a whole percentage."""
        return format_percent(value, format="0%", locale=self.locale)

    def percentile(self, value: float) -> str:
        """Write a percentile, rounded down so that nothing reads as beyond everything.

        >>> formats = Formats("en")
        >>> formats.percentile(0.999996), formats.percentile(1.0), formats.percentile(0.29)
        ('99.999%', '99.999%', '29%')
        """
        down = Decimal(str(value)).quantize(_FINEST, ROUND_DOWN)
        return format_percent(min(down, 1 - _FINEST), format="0.###%", locale=self.locale)

    def moment(self, instant: datetime) -> str:
        """Write an instant to the minute, in the reader's time zone."""
        zone = ZoneInfo(self.timezone)
        return format_datetime(instant, "yyyy-MM-dd HH:mm", tzinfo=zone, locale=self.locale)

    def stamp(self, instant: datetime) -> str:
        """Write an instant to the minute, or as a date where it is exactly local midnight.

        A source that knows only the date of an event gives midnight; a clock time would be made up.

        >>> from datetime import UTC
        >>> Formats("en", "Europe/London").stamp(datetime(2026, 6, 30, 23, tzinfo=UTC))
        '2026-07-01'
        """
        local = instant.astimezone(ZoneInfo(self.timezone))
        if local.time() == time.min:
            return format_date(local.date(), "yyyy-MM-dd", locale=self.locale)
        return self.moment(instant)

    def day(self, instant: datetime) -> str:
        """Write the date of an instant in the locale's own manner."""
        local = instant.astimezone(ZoneInfo(self.timezone))
        return format_date(local.date(), "medium", locale=self.locale)

    def age(self, since: datetime, now: datetime) -> str:
        """Write how long ago something was, in its largest unit.

        >>> from datetime import UTC
        >>> Formats("zh_CN").age(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC))
        '3天'
        """
        passed = max(now - since, timedelta())
        return format_timedelta(passed, granularity="minute", threshold=1.0, locale=self.locale)
