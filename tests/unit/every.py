"""A scenario with a feature of every kind, over fields, measures and a source of every kind."""

from typing import Final

from features.contracts.events import EventField
from features.declared import NETWORK_HOWS, Source
from features.spec import (
    Excess,
    Expression,
    Feature,
    IsNew,
    KeyZ,
    Measure,
    NearDuplicates,
    Network,
    Own,
    PeerRank,
    Rarity,
    RobustZ,
    Scenario,
    SetRarity,
    Share,
    Since,
    Where,
    Window,
)

FIRM, PAIR = ("firm",), ("firm", "officer")
BUILT: Final = Where("built", "sector", ("build", "plan"))
OFFICE: Final = Where("office", "officer", ("O-1", "O-2", "officer-1"))
CAPS: Final = (
    ("build", ((0, 400), (1_770_000_000_000_000, 900))),
    ("plan", ((0, 600),)),
    ("sector-1", ((0, 600_000),)),
)
CANCELLED: Final = Where("cancelled", "kind", ("cancelled",))
RING: Final = Network("firm", ("officer", "place"))

EXPRESSIONS: Final[tuple[Expression, ...]] = (
    Own("amount_minor"),
    Own("rise_ppm"),
    Own("cap_minor"),
    Own("cap_ppm"),
    Own("is_near"),
    Window(FIRM, "mean", "is_near", days=30),
    Window(FIRM, "total", "amount_minor", days=7),
    Window(FIRM, "earlier", "score", days=7),
    Window(FIRM, "total", "cap_ppm", period="month", where=CANCELLED),
    *(Own(how) for how in NETWORK_HOWS),
    Window(FIRM, "count", days=7),
    Window(FIRM, "count", minutes=90),
    Window(FIRM, "count", period="month", where=CANCELLED),
    Window(("officer",), "count", days=20, source="grants"),
    Window(FIRM, "sum", "amount_minor", days=7),
    Window(FIRM, "sum", "grant_minor", period="quarter", source="grants"),
    Window(FIRM, "mean", "score", days=30),
    Window(FIRM, "std", "amount_minor", days=30),
    Window(FIRM, "min", "amount_minor", days=14),
    Window(FIRM, "max", "idle_d", days=14),
    Window(FIRM, "distinct", "officer", days=30),
    Window(FIRM, "hhi", "sector", days=30),
    Window(FIRM, "entropy", "officer", days=30),
    Window(FIRM, "median", "score", days=30),
    Window(FIRM, "mad", "score", days=30),
    Share(PAIR, of=FIRM, days=30),
    Share(PAIR, of=FIRM, value="amount_minor", days=30, min_n=2),
    IsNew(PAIR, of=FIRM, days=30, min_n=2),
    Rarity(("before", "officer"), of=("before",), days=60, min_n=2),
    Since(FIRM, days=30),
    Since(FIRM, days=30, where=BUILT, which="first"),
    RobustZ("amount_minor", (("firm", "sector"), ("sector",)), days=60),
    PeerRank("score", (("officer",), ("sector",)), days=60),
    Excess(FIRM, "won", "chance_ppm", days=60, min_n=3),
    NearDuplicates(FIRM, "text", similarity=0.8, days=60),
    Rarity(("first", "officer"), of=("first",), days=60, min_n=2),
    SetRarity(("officer",), "offices", "lacking", days=60, min_n=2),
    SetRarity(("sector",), "offices", "exceeding", days=60, min_n=2),
    KeyZ(("place",), days=60),
    KeyZ(("place",), "score", days=60),
    KeyZ(("place",), over=BUILT, days=60),
)


def _field(name: str, kind: str) -> EventField:
    return EventField.model_validate(
        {"name": name, "kind": kind, "title_zh": "字段", "title_en": "a field"}
    )


GRANTS: Final = (_field("firm", "key"), _field("officer", "key"), _field("grant_minor", "money"))
SCENARIO: Final = Scenario(
    name="small",
    zh="小",
    en="small",
    kinds=("asked", "paid", "cancelled"),
    scored=("asked", "paid"),
    history=("paid",),
    subject="firm",
    amount="amount_minor",
    peer_group="sector",
    fields=(
        _field("firm", "key"),
        _field("officer", "key"),
        _field("place", "key"),
        _field("sector", "category"),
        _field("amount_minor", "money"),
        _field("score", "number"),
        _field("won", "number"),
        _field("chance_ppm", "number"),
        _field("text", "sketch"),
    ),
    measures=(
        Measure("before", "previous", key=FIRM, field="officer"),
        Measure("first", "previous", key=FIRM, field="before", start="(start)"),
        Measure("offices", "steps", key=FIRM, field="officer"),
        Measure("idle_d", "elapsed", key=FIRM),
        Measure("rise_ppm", "change_ppm", key=FIRM, field="score"),
        Measure("cap_minor", "limit", field="sector", where=OFFICE, limits=CAPS),
        Measure("cap_ppm", "ratio_ppm", field="amount_minor", other="cap_minor"),
        Measure("is_near", "within", field="cap_ppm", low=500_000, high=1_000_000),
        *(Measure(how, how, ("sector",), "amount_minor", network=RING) for how in NETWORK_HOWS),
    ),
    features=tuple(Feature(of, "特征", "a feature", "缘由", "a reason") for of in EXPRESSIONS),
    sources=(Source("grants", ("granted",), GRANTS),),
)
