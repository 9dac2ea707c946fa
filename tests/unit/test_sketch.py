"""Sketches of texts: near ones agree in as many bits as they are alike, and nobody without the key
can take one."""

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from features.admission import admit
from features.contracts.errors import DeclarationError, InputError
from features.contracts.events import Event, EventField
from features.contracts.settings import Settings
from features.sources import mapping as mapping_module
from features.sources.convert import Converter
from features.sources.mapping import Mapping
from features.sources.rows import RawRow
from features.sources.schema import Schema, schema_of
from features.sources.sketch import BITS, LONGEST, normalised, sketch
from features.sources.values import CellError
from serving.door import door
from tests.unit.small import field, scenario

KEYED: Final = Settings(pseudonym_key=SecretStr("only-for-these-tests"))
LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789人民路道路改造工程监理服务采购"
TEXTS: Final = st.text(alphabet=LETTERS, min_size=1, max_size=40)


def _trigrams(text: str) -> set[str]:
    return {text[k : k + 3] for k in range(len(text) - 2)}


def _alike(rng: np.random.Generator) -> tuple[str, str, float]:
    """Two texts that share a part, and the Jaccard similarity of their trigrams."""
    letters = rng.choice(list(LETTERS), (3, 60))
    shared, n = "".join(letters[0]), int(rng.integers(3, 60))
    one = shared[:n] + "".join(letters[1][: 60 - n])
    other = shared[:n] + "".join(letters[2][: 60 - n])
    both, either = _trigrams(one) & _trigrams(other), _trigrams(one) | _trigrams(other)
    return one, other, len(both) / len(either)


def _sketch(text: str, settings: Settings = KEYED, *, strips_lots: bool = False) -> int:
    found = sketch(text, settings, strips_lots=strips_lots)
    assert found is not None
    return found


def test_bits_agree_as_often_as_texts_are_alike() -> None:
    """A share (1 + J) / 2 of them: within five standard errors of the binomial, over 400 pairs."""
    rng = np.random.default_rng(1)
    pairs = [_alike(rng) for _ in range(400)]
    agreed = sum(BITS - (_sketch(a) ^ _sketch(b)).bit_count() for a, b, _ in pairs)
    shares = [(1 + j) / 2 for _, _, j in pairs]
    error = math.sqrt(sum(BITS * p * (1 - p) for p in shares))

    assert min(j for *_, j in pairs) < 0.1
    assert max(j for *_, j in pairs) > 0.9
    assert abs(agreed - BITS * sum(shares)) < 5 * error


def test_no_pair_of_texts_is_far_from_what_it_should_be() -> None:
    """Each pair's own agreement lies within five binomial standard deviations."""
    rng = np.random.default_rng(2)
    for _ in range(200):
        a, b, j = _alike(rng)
        p = (1 + j) / 2
        agreed = BITS - (_sketch(a) ^ _sketch(b)).bit_count()
        assert abs(agreed - BITS * p) <= 5 * math.sqrt(BITS * p * (1 - p)) + 1


def test_every_bit_is_one_in_half_of_the_texts() -> None:
    """No bit says something on its own."""
    rng = np.random.default_rng(3)
    sketches = [_sketch("".join(rng.choice(list(LETTERS), 30))) for _ in range(400)]
    ones = [sum(held >> bit & 1 for held in sketches) for bit in range(BITS)]

    assert 200 - 5 * 10 < min(ones) <= max(ones) < 200 + 5 * 10
    assert all(0 <= held < 2**BITS for held in sketches)


@given(TEXTS)
def test_a_text_has_one_sketch(text: str) -> None:
    """Today and tomorrow, whatever was sketched before."""
    assert sketch(text, KEYED) == sketch(text, KEYED)


def test_a_sketch_stays_what_it_was() -> None:
    """A ledger holds them for years: a change of the recipe would part old from new."""
    assert _sketch("人民路道路改造工程") == 2_311_516_102_961_682_000
    assert _sketch("road works at the harbour") == 2_336_631_380_925_811_194
    assert _sketch("x") == 2_738_946_442_795_639_933


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Road works, harbour", "ROAD  WORKS — HARBOUR"),
        ("Ｒｏａｄ works", "road works"),
        ("道路改造（一期）", "道路改造(一期)"),
        ("Strasse", "Straße"),
        ("a_b-c", "abc"),
    ],
)
def test_width_case_blanks_and_punctuation_do_not_matter(one: str, other: str) -> None:
    """Writers vary them."""
    assert _sketch(one) == _sketch(other)


@pytest.mark.parametrize("text", ["", "  ", "——", "()!", "_", "\u3000"])
def test_a_text_without_a_letter_has_no_sketch(text: str) -> None:
    """There is nothing to compare."""
    assert sketch(text, KEYED) is None


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("道路改造工程一期", "道路改造工程"),
        ("道路改造工程（第2期）", "道路改造工程"),
        ("绿化工程二标段", "绿化工程"),
        ("绿化工程标段3", "绿化工程"),
        ("绿化工程 编号：ZJ-2024-003", "绿化工程"),
        ("设备采购第三批次", "设备采购"),
        ("road works lot 2", "roadworks"),
        ("Road works, Phase II", "roadworks"),
        ("road works stage no. 4", "roadworks"),
        ("近期维修", "近期维修"),
        ("slot 2", "slot2"),
        ("phases of the moon", "phasesofthemoon"),
        ("二标段", "二标段"),
        ("2024年补贴", "2024年补贴"),
    ],
)
def test_numbers_of_lots_may_be_left_out(text: str, without: str) -> None:
    """Where the field says so; by itself a text keeps them."""
    assert normalised(text, strips_lots=True) == without
    assert _sketch(text, strips_lots=True) == _sketch(without)
    is_kept = normalised(text) != without
    assert (_sketch(text) != _sketch(without)) == is_kept


def test_another_key_gives_another_sketch() -> None:
    """Without the key a text cannot be tried: its bits agree as those of strangers do."""
    other = Settings(pseudonym_key=SecretStr("another"))
    rng = np.random.default_rng(4)
    texts = ["".join(rng.choice(list(LETTERS), 30)) for _ in range(100)]
    agreed = sum(BITS - (_sketch(text) ^ _sketch(text, other)).bit_count() for text in texts)

    assert abs(agreed - 50 * BITS) < 5 * math.sqrt(100 * BITS / 4)


def test_without_a_key_there_is_no_sketch() -> None:
    """As with pseudonyms: refused, with the setting to be made."""
    with pytest.raises(InputError, match="LIANJING_PSEUDONYM_KEY"):
        sketch("road works", Settings(pseudonym_key=SecretStr("")))


def test_a_text_may_be_long_but_not_a_book() -> None:
    """The longest is read, one more is refused."""
    assert _sketch("a" * LONGEST) == _sketch("aaa")
    with pytest.raises(CellError, match=f"longer than {LONGEST} characters"):
        sketch("a" * (LONGEST + 1), KEYED)


SCENARIO: Final = scenario(measures=())
PURPOSE: Final = field("purpose", "sketch", strips_lots=True)


def _event(**fields: int | str | None) -> Event:
    return Event(
        scenario="small",
        kind="paid",
        event_id="P-1",
        effective_at=datetime(2026, 3, 1, tzinfo=UTC),
        fields=fields,
    )


def test_the_door_takes_a_text_and_lets_its_sketch_in() -> None:
    """As the field declares it; what is missing stays missing."""
    enter = door([PURPOSE], KEYED)

    assert enter(_event(purpose="道路改造 一期", firm="A")).fields == {
        "purpose": _sketch("道路改造"),
        "firm": "A",
    }
    assert enter(_event(purpose=None)).fields == {"purpose": None}
    assert enter(_event(purpose="——")).fields == {"purpose": None}
    untouched = _event(firm="A")
    assert enter(untouched) is untouched


def test_the_door_takes_no_number_for_a_text() -> None:
    """Outside, nobody has the key; the value is not repeated."""
    with pytest.raises(InputError, match="'purpose' takes the text itself; send it, its") as error:
        door([PURPOSE], KEYED)(_event(purpose=123_456_789))

    assert "123456789" not in str(error.value)


def test_the_door_refuses_a_text_without_a_key() -> None:
    """The field and the setting are named."""
    with pytest.raises(InputError, match=r"'purpose' is replaced.*LIANJING_PSEUDONYM_KEY"):
        door([PURPOSE], Settings(pseudonym_key=SecretStr("")))(_event(purpose="road works"))


@pytest.mark.parametrize("value", [0, 2**62 - 1])
def test_a_sketch_within_62_bits_comes_in(value: int) -> None:
    """Once inside it is a number."""
    assert admit(_event(purpose=value), SCENARIO).fields["purpose"] == value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (-1, "'purpose' is beyond"),
        (2**62, "'purpose' is beyond"),
        ("road works", "'purpose' holds a sketch, which the door takes of a text"),
    ],
)
def test_what_is_no_sketch_is_not_admitted(value: int | str, message: str) -> None:
    """A text that came past the door never gets into the ledger."""
    with pytest.raises(InputError, match=message):
        admit(_event(purpose=value), SCENARIO)


def test_only_a_key_is_a_pseudonym_and_only_a_sketch_strips_lots() -> None:
    """A field is replaced in one way."""
    with pytest.raises(DeclarationError, match="'purpose' is a sketch: only a key or category is"):
        field("purpose", "sketch", pseudonym=True)
    with pytest.raises(DeclarationError, match="'firm' is a key: only a sketch strips lots"):
        field("firm", "key", strips_lots=True)


TOWN: Final = Path(__file__).parents[1] / "data" / "town_payments.toml"


@pytest.fixture
def town(monkeypatch: pytest.MonkeyPatch) -> Mapping:
    """The town's mapping, where payments have a purpose."""
    known = schema_of("payouts")
    declared = EventField(name="purpose", kind="sketch", title_zh="用途", title_en="purpose")
    with_purpose = Schema(known.kinds, {**known.fields, "purpose": declared})
    monkeypatch.setattr(mapping_module, "schema_of", lambda _: with_purpose)
    mapping = Mapping.load(TOWN)
    purpose = mapping.fields["sector"].model_copy(update={"columns": ("Remark",), "values": {}})
    return mapping.model_copy(update={"fields": {**mapping.fields, "purpose": purpose}})


CELLS: Final = {
    "Payment No": "P-1",
    "Line": "1",
    "State": "paid",
    "Paid On": "2026-01-05",
    "Version": "1",
    "Bank Account": "6222 0001",
    "Amount": "1,200.00",
    "Remark": "road works, lot 2",
}


def _converted(town: Mapping, remark: str, *, in_clear: bool = False) -> Event:
    converter = Converter(town, KEYED, in_clear=in_clear)
    cells = {**CELLS, "Remark": remark}
    return converter.convert(RawRow(line=2, position=1, cells=cells)).event


def test_a_mapping_takes_the_sketch_of_a_column(town: Mapping) -> None:
    """The text is not in the event; one without a letter is no value."""
    assert _converted(town, "Road works!").fields["purpose"] == _sketch("road works")
    assert _converted(town, "---").fields["purpose"] is None


def test_the_door_and_a_load_take_the_same_sketch(town: Mapping) -> None:
    """What is read in clear and sent through a service's door is what a load takes."""
    loaded, sent = (
        _converted(town, "Road works, lot 2", in_clear=clear) for clear in (False, True)
    )

    assert sent.fields["purpose"] == "Road works, lot 2"
    assert sent.fields["account"] == "6222 0001"
    assert door(town.schema_.fields.values(), KEYED)(sent) == loaded


def test_the_column_of_a_text_is_never_shown(town: Mapping) -> None:
    """Neither in a rejection nor in an event's id."""
    assert "remark" in town.personal_columns()
    with pytest.raises(CellError, match="column 'Remark': the value is longer than") as error:
        _converted(town, "secret" * 1000)

    assert "secret" not in str(error.value)


def test_a_mapping_of_a_text_has_no_options(town: Mapping) -> None:
    """How it is normalised is the field's to say, the same for all doors."""
    content = town.model_dump(by_alias=True)
    content["fields"]["purpose"]["squash"] = True
    with pytest.raises(DeclarationError, match=r"'purpose' is a sketch: option 'squash'.*none"):
        Mapping.model_validate(content)


def test_a_mapping_of_a_text_needs_the_key(town: Mapping) -> None:
    """Nothing is read without it."""
    with pytest.raises(InputError, match=r"LIANJING_PSEUDONYM_KEY"):
        Converter(town, Settings(pseudonym_key=SecretStr("")))
