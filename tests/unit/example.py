"""One scenario with every aggregate and expression, over another one's events too."""

from datetime import UTC, date, datetime
from typing import Final

from features.calendar import Calendar
from features.contracts.events import EventField, to_us
from features.spec import (
    DAY_US,
    Excess,
    Expression,
    Feature,
    IsNew,
    KeyZ,
    Measure,
    NearDuplicates,
    Own,
    PeerRank,
    Rarity,
    RobustZ,
    Scenario,
    SetRarity,
    Share,
    Since,
    Source,
    Where,
    Window,
)

START: Final = to_us(datetime(2024, 2, 1, 15, 0, tzinfo=UTC))
"""One hour before midnight in Shanghai."""
SHANGHAI: Final = Calendar(
    name="shanghai",
    tz="Asia/Shanghai",
    holidays=(date(2024, 2, 12), date(2024, 2, 13)),
    workdays=(date(2024, 2, 4), date(2024, 2, 18)),
)
LONDON: Final = Calendar(name="london", tz="Europe/London", fiscal_month=4)
BEIRUT: Final = Calendar(name="beirut", tz="Asia/Beirut", fiscal_month=3)
"""On 2024-03-31 there was no midnight: clocks went from 24:00 to 01:00."""
CALENDARS: Final = (SHANGHAI, LONDON, BEIRUT)

FIRM, OFFICER, PAIR = ("firm",), ("officer",), ("firm", "officer")
CANCELLED: Final = Where("cancelled", "kind", ("cancelled",))
BUILT: Final = Where("built", "sector", ("build", "plan"))
ENDED: Final = Where("ended", "kind", ("paid", "cancelled"))
LATER: Final = Where("late", "sector", ("shop", "nothing"))

FIRST: Final = Where("first", "officer", ("O1", "nobody"))
CAPS: Final = (
    ("build", ((START - 9 * DAY_US, 7), (START + 20 * DAY_US, 9))),
    ("O2", ((0, 5),)),
    ("shop", ((0, 8), (START + 14 * DAY_US, 3))),
)

MEASURES: Final = (
    Measure("before", "previous", key=FIRM, field="officer", days=20),
    Measure("first", "previous", key=FIRM, field="before", days=30, start="(start)"),
    Measure("offices", "steps", key=FIRM, field="officer", days=40),
    Measure("idle_wd", "elapsed", key=FIRM, unit="working_days", days=30),
    Measure("idle_min", "elapsed", key=PAIR, unit="minutes", days=30, where=BUILT),
    Measure("open_d", "elapsed_first", key=FIRM, days=30),
    Measure("age_d", "between", field="opened_at"),
    Measure("age_wd", "between", field="opened_at", unit="working_days"),
    Measure("score_ppm", "ratio_ppm", field="amount_minor", other="score"),
    Measure("each_minor", "quotient", field="amount_minor", other="score"),
    Measure("lasted_d", "between", field="opened_at", other="closed_at"),
    Measure("lasted_wd", "between", field="closed_at", other="opened_at", unit="working_days"),
    Measure("beyond", "difference", field="score", other="was_late"),
    Measure("beyond_ppm", "ratio_ppm", field="beyond", other="score"),
    Measure("is_near", "within", field="beyond_ppm", low=-900_000, high=900_000),
    Measure("is_idle", "within", field="idle_wd", low=2),
    Measure("has_score", "present", field="score"),
    Measure("rest", "difference", field="score", other="was_late"),
    Measure("is_low", "within", field="rest", low=1, high=3),
    Measure("rise_ppm", "change_ppm", key=FIRM, field="score", days=25),
    Measure("jump_ppm", "change_ppm", key=FIRM, field="amount_minor", days=25),
    Measure("off_day", "off_day"),
    Measure("hour", "hour"),
    Measure("cap_minor", "limit", field="sector", where=FIRST, limits=CAPS),
    Measure("any_cap", "limit", field="before", limits=CAPS),
    Measure("cap_ppm", "ratio_ppm", field="score", other="cap_minor", where=ENDED),
    Measure("has_built", "present", field="score", where=BUILT),
    Measure("is_capped", "within", field="cap_ppm", low=0, high=400_000),
)
WINDOWS: Final = (
    Window(FIRM, "count", days=7),
    Window(PAIR, "count", days=40),
    Window(FIRM, "count", days=40, where=CANCELLED),
    Window(FIRM, "count", days=40, where=BUILT),
    Window(FIRM, "sum", "amount_minor", days=7),
    Window(OFFICER, "sum", "amount_minor", days=30, where=BUILT),
    Window(FIRM, "mean", "score", days=30),
    Window(FIRM, "total", "score", days=30),
    Window(FIRM, "earlier", "cap_ppm", days=60),
    Window(OFFICER, "total", "cap_ppm", days=40, where=BUILT),
    Window(FIRM, "mean", "is_capped", days=40),
    Window(FIRM, "std", "amount_minor", days=7),
    Window(OFFICER, "std", "score", days=60),
    Window(FIRM, "min", "amount_minor", days=14),
    Window(FIRM, "max", "score", days=14),
    Window(FIRM, "max", "idle_wd", days=14),
    Window(FIRM, "sum", "is_near", days=30),
    Window(FIRM, "mean", "is_idle", days=30),
    Window(FIRM, "distinct", "officer", days=30),
    Window(OFFICER, "distinct", "before", days=30),
    Window(FIRM, "hhi", "sector", days=30),
    Window(FIRM, "entropy", "sector", days=30),
    Window(FIRM, "entropy", "kind", days=60),
    Window(OFFICER, "entropy", "before", days=30, where=BUILT),
    Window(FIRM, "median", "amount_minor", days=7),
    Window(FIRM, "mad", "amount_minor", days=7),
    Window(OFFICER, "median", "score", days=60),
    Window(PAIR, "mad", "score", days=60, where=BUILT),
)
CLOCKS: Final = (
    Window(FIRM, "count", minutes=10),
    Window(FIRM, "count", minutes=1440),
    Window(FIRM, "mad", "amount_minor", minutes=100),
    Window(FIRM, "count", period="day"),
    Window(FIRM, "sum", "amount_minor", period="month"),
    Window(OFFICER, "std", "amount_minor", period="quarter"),
    Window(FIRM, "entropy", "sector", period="year"),
    Window(FIRM, "max", "score", period="month", where=BUILT),
    Window(FIRM, "median", "score", period="day"),
    Since(FIRM, period="month"),
    Share(PAIR, of=FIRM, period="quarter", min_n=1),
    RobustZ("score", (("sector",),), period="quarter"),
)
OTHERS: Final = (
    Window(FIRM, "count", days=30, source="repairs"),
    Window(FIRM, "count", days=40, where=Where("dropped", "kind", ("dropped",)), source="repairs"),
    Window(PAIR, "sum", "score", days=30, source="repairs", where=BUILT),
    Window(FIRM, "std", "score", days=30, source="repairs"),
    Window(OFFICER, "max", "score", period="month", source="repairs"),
    Window(FIRM, "distinct", "officer", days=30, source="repairs"),
    Window(FIRM, "entropy", "sector", days=30, source="repairs"),
    Window(FIRM, "mad", "score", minutes=30 * 1440 + 10, source="repairs"),
    Share(PAIR, of=FIRM, days=30, source="repairs", min_n=1),
    IsNew(PAIR, of=FIRM, days=30, source="repairs", min_n=1),
    IsNew(PAIR, of=FIRM, days=30, source="repairs", where=BUILT, min_n=1),
    Rarity(("sector", "officer"), of=("sector",), days=60, source="repairs", min_n=1),
    Since(FIRM, days=30, source="repairs"),
    Since(FIRM, which="first", days=30, source="repairs"),
    RobustZ("score", (OFFICER, ("sector",)), days=90, source="repairs"),
    PeerRank("score", (FIRM, ("sector",)), days=90, source="repairs"),
    NearDuplicates(FIRM, "purpose", days=60, source="repairs"),
    KeyZ(OFFICER, days=30, source="repairs"),
)
PAIRS: Final = (
    Share(PAIR, of=FIRM, days=30),
    Share(PAIR, of=OFFICER, days=40, where=BUILT, min_n=2),
    Share(PAIR, of=FIRM, value="amount_minor", days=30, min_n=2),
    IsNew(PAIR, of=FIRM, days=30, min_n=2),
    IsNew(PAIR, of=OFFICER, days=30, min_n=1, where=LATER),
    Since(FIRM, days=30),
    Since(FIRM, which="first", days=30),
    Since(FIRM, days=30, where=CANCELLED),
    Since(PAIR, which="first", days=30, where=BUILT),
    RobustZ("amount_minor", (("firm", "sector"), ("sector",)), days=60),
    RobustZ("score", (OFFICER, ("sector",)), days=90),
    RobustZ("score", (FIRM,), days=90, where=BUILT),
    PeerRank("amount_minor", (("firm", "sector"), ("sector",)), days=60),
    PeerRank("score", (FIRM,), days=90),
    Rarity(("before", "officer"), of=("before",), days=60, min_n=2),
    Rarity(("sector", "officer"), of=("sector",), days=60, min_n=4),
    Rarity(PAIR, of=FIRM, days=60, min_n=1, where=BUILT),
    Rarity(("first", "officer"), of=("first",), days=60, min_n=2),
    SetRarity(OFFICER, "offices", "lacking", days=60, min_n=2),
    SetRarity(("sector",), "offices", "exceeding", days=60, where=BUILT, min_n=2),
    Excess(FIRM, "was_late", "late_ppm", days=60, min_n=2),
    Excess(OFFICER, "was_late", "late_ppm", days=60, where=BUILT),
    NearDuplicates(FIRM, "purpose", days=60),
    NearDuplicates(OFFICER, "purpose", similarity=0.9, days=30, where=BUILT),
)
KEYS: Final = (
    KeyZ(OFFICER, days=30),
    KeyZ(OFFICER, "amount_minor", days=60, min_n=2),
    KeyZ(PAIR, days=60, over=BUILT),
    KeyZ(OFFICER, days=60, where=BUILT),
    KeyZ(OFFICER, days=60, where=ENDED, over=CANCELLED),
)
EXPRESSIONS: Final[tuple[Expression, ...]] = (
    *WINDOWS,
    *CLOCKS,
    *OTHERS,
    *PAIRS,
    *KEYS,
    *(Own(item.name) for item in MEASURES if item.how not in ("previous", "steps")),
    Own("amount_minor"),
)
FIELDS: Final = (
    EventField(name="firm", kind="key", title_zh="企业", title_en="firm"),
    EventField(name="officer", kind="key", title_zh="经办人", title_en="officer"),
    EventField(name="sector", kind="category", title_zh="行业", title_en="sector"),
    EventField(name="amount_minor", kind="money", title_zh="金额", title_en="amount"),
    EventField(name="score", kind="number", title_zh="评分", title_en="score"),
    EventField(name="opened_at", kind="instant", title_zh="开业", title_en="opened"),
    EventField(name="closed_at", kind="instant", title_zh="歇业", title_en="closed"),
    EventField(name="was_late", kind="number", title_zh="逾期", title_en="late"),
    EventField(name="late_ppm", kind="number", title_zh="逾期概率", title_en="risk"),
    EventField(name="purpose", kind="sketch", title_zh="用途", title_en="purpose"),
)
SCENARIO: Final = Scenario(
    name="oracle",
    zh="神谕",
    en="oracle",
    kinds=("asked", "paid", "cancelled"),
    scored=("asked", "paid"),
    history=("paid",),
    subject="firm",
    amount="amount_minor",
    peer_group="sector",
    fields=FIELDS,
    measures=MEASURES,
    features=tuple(Feature(item, "特征", "a feature", "缘由", "a reason") for item in EXPRESSIONS),
    sources=(
        Source(
            "repairs",
            ("fixed", "checked"),
            tuple(
                item
                for item in FIELDS
                if item.name not in ("amount_minor", "opened_at", "closed_at")
            ),
            on_demand=("dropped",),
        ),
    ),
)
