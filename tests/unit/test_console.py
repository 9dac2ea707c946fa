"""The reviewers' console over records in memory: what is shown, what never is."""

import hashlib
import re
import warnings
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from features.contracts.errors import LedgerBusyError
from features.contracts.verdicts import AnomalyRecord, Likelihood
from serving.console import assets as assets_module
from serving.console.assets import Assets
from serving.console.labels import Titles
from serving.console.memory import MemorySource
from serving.console.pages import console_router
from serving.console.render import CSP
from serving.console.source import QueuePage, TimelineEvent

with warnings.catch_warnings():
    # starlette 1.10 asks for httpx2, which the lock does not have; goes when the lock has it
    warnings.filterwarnings("ignore", message="Using `httpx` with", category=UserWarning)
    from fastapi.testclient import TestClient

KEY = "a key for reviewers"
NOON = datetime(2026, 3, 4, 4, tzinfo=UTC)
SAMPLES = MemorySource.load(Path(__file__).parents[1] / "data" / "console_records.json")
RECORDS = SAMPLES.records
PAYLOAD = "\"><script>alert('x')</script><img src=x onerror=alert(1)>{{7*7}}"


class Elements(HTMLParser):
    """The tags of a page with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def names(self) -> set[str]:
        return {tag for tag, _ in self.found}


def open_console(
    source: MemorySource = SAMPLES, *, assets: Assets | None = None, titles: Titles | None = None
) -> TestClient:
    app = FastAPI()
    app.include_router(
        console_router(
            source,
            key_sha256=hashlib.sha256(KEY.encode()).hexdigest(),
            signing_key=b"s" * 32,
            secure_cookies=True,
            clock=lambda: NOON,
            assets=assets,
            titles=titles or {},
        )
    )
    return TestClient(app, base_url="https://console.example", follow_redirects=False)


def sign_in(client: TestClient) -> None:
    assert client.post("/console/login", data={"key": KEY}).status_code == 303


@pytest.fixture
def client() -> TestClient:
    """A reviewer who has signed in."""
    signed_in = open_console()
    sign_in(signed_in)
    return signed_in


def altered(**changes: object) -> AnomalyRecord:
    verdict = RECORDS[0].verdict.model_copy(update=changes)
    return RECORDS[0].model_copy(update={"verdict": verdict})


# ---- headers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/login", "/queue", "/cases/R-0001", "/cases/none", "/static/console.css", "/static/x"]
)
def test_every_answer_has_the_strict_headers(client: TestClient, path: str) -> None:
    """Pages, refusals, redirects and files carry one policy; pages are not stored."""
    for who in (client, open_console()):
        headers = who.get(f"/console{path}").headers
        assert headers["content-security-policy"] == CSP
        assert "unsafe" not in CSP
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        is_file = path == "/static/console.css"
        assert headers["cache-control"] == ("no-cache" if is_file else "no-store")


def test_pages_hold_nothing_that_the_policy_forbids(client: TestClient) -> None:
    """No inline script, no inline style, no handler, nothing from elsewhere."""
    for path in ("/console/queue", "/console/cases/R-0001", "/console/cases/none"):
        for tag, attributes in Elements(client.get(path).text).found:
            assert tag != "style"
            assert "style" not in attributes
            assert not [name for name in attributes if name.startswith("on")]
            link = attributes.get("src") or attributes.get("href") or "/console"
            assert link.startswith(("/console", "#"))
            assert tag != "script" or attributes.get("src")


# ---- queue ----------------------------------------------------------------------------------


def test_the_queue_says_why_at_a_glance(client: TestClient) -> None:
    """Band, sentence, three reasons, amount, age, scenario and relation stand in one row."""
    page = client.get("/console/queue").text
    for text in (
        "拨付金额 486,000 元，约为同区同规模企业典型值 62,000 元的 7.8 倍。",
        "金额与同类之比",
        "46%",
        "+1",
        "¥486,000.00",
        "2小时",
        "资金拨付",
        "仅模型提示",
    ):
        assert text in page
    assert page.index("E-1042") < page.index("E-1038") < page.index("E-0977")


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("scenario=approvals", {"E-0977"}),
        ("band=high", {"E-1042", "E-1038"}),
        ("band=high&q=%201038%20", {"E-1038"}),
        ("scenario=&band=&q=", {"E-1042", "E-1038", "E-0977", "E-1029", "E-1017"}),
        ("q=absent", set()),
    ],
)
def test_filters_narrow_the_queue(client: TestClient, query: str, shown: set[str]) -> None:
    """Scenario, band and event number narrow together; empty ones do not count."""
    page = client.get(f"/console/queue?{query}").text
    assert set(re.findall(r"(?<!placeholder=\")E-\d{4}", page)) == shown


def test_the_queue_pages_on_by_cursor() -> None:
    """Each record is on exactly one page, and the filters stay."""
    many = [altered(record_id=f"R-{n}", event_id=f"E-{n:04}") for n in range(60)]
    client = open_console(MemorySource(many))
    sign_in(client)
    url, seen = "/console/queue?band=high", []
    while url:
        page = client.get(url).text
        seen += re.findall(r"/console/cases/(R-\d+)", page)
        onward = re.search(r'rel="next" href="([^"]+)"', page)
        url = onward[1].replace("&amp;", "&") if onward else ""
        assert not url or "band=high" in url
    assert sorted(seen) == sorted(record.verdict.record_id for record in many)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/queue?band=severe", 422),
        ("/queue?scenario=unheard_of", 404),
        (f"/queue?q={'x' * 200}", 422),
        ("/cases/R-9999", 404),
        ("/nowhere", 404),
        ("/static/../pages.py", 404),
        ("/static/%2e%2e/pages.py", 404),
    ],
)
def test_what_is_not_there_is_a_page(client: TestClient, path: str, status: int) -> None:
    """A refusal is a page in the reader's language that leads back and quotes nothing."""
    answer = client.get(f"/console{path}")
    assert answer.status_code == status
    assert 'href="/console/queue"' in answer.text
    assert "无法显示" in answer.text
    assert "severe" not in answer.text.partition("<main")[2]


def test_a_ledger_that_cannot_answer_is_a_page() -> None:
    """An error of the store is answered 503 in words, without its message."""

    class Busy(MemorySource):
        """A source whose store is held by another process."""

        def scenarios(self) -> tuple[str, ...]:
            raise LedgerBusyError("held by writer 7")

    client = open_console(Busy(()))
    sign_in(client)
    answer = client.get("/console/queue?lang=en")
    assert answer.status_code == 503
    assert "try again in a moment" in answer.text
    assert "writer 7" not in answer.text


def test_a_live_filter_without_a_session_leads_to_the_door() -> None:
    """A background request is told where to go, so that no form lands inside the page."""
    answer = open_console().get("/console/queue?band=low", headers={"hx-request": "true"})
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"] == "/console/login?next=%2Fconsole%2Fqueue%3Fband%3Dlow"


# ---- case -----------------------------------------------------------------------------------


def test_the_case_page_says_all_that_a_reviewer_checks(client: TestClient) -> None:
    """Why, against whom, on what evidence, how far to trust it, and what it is not."""
    page = client.get("/console/cases/R-0001?lang=en").text
    for text in (
        "The payout of CN¥486,000 is about 7.8 times",
        "More unusual than 99.96% of ordinary events, about 1 in 2,500.",
        "a statistical difference from peers, not a finding",
        "CN¥18,000 – CN¥140,000",
        "n = 412",
        "over 1095 days",
        "Arrears of several years paid at once",
        "No fixed rule warned",
        "3 of 7 measures could not be used fully",
        "Too little history or too few peers",
        "Also looked at, and ordinary",
        RECORDS[0].verdict.provenance.bundle_digest,
        RECORDS[0].verdict.provenance.spec_hash,
        "20481",
    ):
        assert text in page


def test_the_timeline_highlights_evidence_and_the_event_itself(client: TestClient) -> None:
    """Two payouts are evidence, one request is the event that was scored."""
    elements = Elements(client.get("/console/cases/R-0001").text).found
    classes = [a.get("class") for tag, a in elements if tag == "li"]
    assert classes.count("is-evidence") == 2
    assert classes.count("is-self") == 1


def test_each_drawing_is_named_described_and_backed_by_the_table(client: TestClient) -> None:
    """An SVG has title and description, and its reason has a row."""
    page = client.get("/console/cases/R-0001").text
    elements = Elements(page).found
    drawings = [a for tag, a in elements if tag == "svg" and a.get("role") == "img"]
    assert len(drawings) == 4
    ids = {a["id"] for tag, a in elements if tag in {"title", "desc"} and "id" in a}
    assert all(set((a["aria-labelledby"] or "").split()) <= ids for a in drawings)
    assert page.count("data-share=") == 4


def test_raw_scores_never_reach_a_page() -> None:
    """Contributions are in units of the score and stay inside."""
    reasons = tuple(
        reason.model_copy(update={"contribution": 7.654321 + place})
        for place, reason in enumerate(RECORDS[0].verdict.reasons)
    )
    marked = open_console(MemorySource([altered(reasons=reasons)]))
    sign_in(marked)
    for path in ("/console/queue", "/console/cases/R-0001"):
        assert "654" not in re.sub(r"v=\w+", "", marked.get(path).text)


def test_a_record_without_reasons_is_still_a_page(client: TestClient) -> None:
    """What only a rule warned about says so and does not invent a reason."""
    page = client.get("/console/cases/R-0005?lang=en").text
    assert "A fixed rule warned; compared with its peers nothing stands out." in page
    assert "No measure raises the score" in page


def test_codes_get_the_titles_that_scenarios_declare() -> None:
    """Rules and missing features are named in words; flags, shares and everyone are too."""
    reason, peers = RECORDS[0].verdict.reasons[0], RECORDS[0].verdict.reasons[0].peers
    flag = {"unit": "0/1", "actual": 1.0, "typical": 0.0, "lo": 0.0, "hi": 0.0}
    everyone = {"peers": peers and peers.model_copy(update={"key": "*"})}
    record = altered(reasons=(reason.model_copy(update=flag | everyone),))
    titles = {
        ("payouts", "payout_over_cap"): ("超过政策上限", "over the policy cap"),
        ("payouts", "n_repairs_180d"): ("近 180 天信用修复次数", "credit repairs in 180 days"),
    }
    client = open_console(MemorySource([record]), titles=titles)
    sign_in(client)
    page = client.get("/console/cases/R-0001?lang=en").text
    for text in ("over the policy cap", "credit repairs in 180 days", ">all events<", "yes or no"):
        assert text in page
    assert "n_repairs_180d" not in page


# ---- hostile text ---------------------------------------------------------------------------


def test_hostile_text_in_every_field_is_inert() -> None:
    """Markup in any text of a record is shown as text: the page's elements stay the same."""
    texts = ("name_zh", "statement_zh", "false_alarm_zh", "unit")
    reason, rule = RECORDS[0].verdict.reasons[0], RECORDS[0].verdict.rules[0]
    hostile = altered(
        event_id=PAYLOAD,
        scenario="payouts",
        kind=PAYLOAD,
        reasons=(
            reason.model_copy(
                update=dict.fromkeys(texts, PAYLOAD)
                | {"peers": reason.peers and reason.peers.model_copy(update={"key": PAYLOAD})}
            ),
        ),
        rules=(rule.model_copy(update={"detail": PAYLOAD, "rule": PAYLOAD}),),
    )
    event = TimelineEvent(PAYLOAD, NOON, PAYLOAD, None, highlighted=True)
    client = open_console(MemorySource([hostile], {"R-0001": (event,)}))
    sign_in(client)
    calm = open_console()
    sign_in(calm)
    for path in ("/console/queue", "/console/cases/R-0001"):
        elements = Elements(client.get(path).text)
        assert elements.names() <= Elements(calm.get(path).text).names()
        assert not [a for _, a in elements.found if "onerror" in a]
        assert "{{7*7}}" in client.get(path).text


@settings(max_examples=20, deadline=None)
@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=60))
def test_a_search_is_given_back_as_it_was_typed(text: str) -> None:
    """The search field shows what was asked for, and nothing of it becomes markup."""
    page = Elements(SIGNED_IN.get("/console/queue", params={"q": text}).text)
    assert [a["value"] for tag, a in page.found if tag == "input"] == [text]
    assert page.names() <= KNOWN_TAGS


# ---- languages ------------------------------------------------------------------------------


def test_chinese_first_english_by_switch_and_remembered(client: TestClient) -> None:
    """`?lang=` wins and is kept in a cookie; a language nobody speaks is answered in Chinese."""
    assert '<html lang="zh-CN">' in client.get("/console/queue").text
    assert '<html lang="zh-CN">' in client.get("/console/queue?lang=fr").text
    english = client.get("/console/queue?lang=en").text
    assert '<html lang="en">' in english
    assert "CN¥486,000.00" in english
    assert "2 hours" in english
    assert '<html lang="en">' in client.get("/console/cases/R-0001").text


def test_the_switch_keeps_the_filters(client: TestClient) -> None:
    """Changing language changes nothing else."""
    page = client.get("/console/queue?band=high&q=E-10").text
    assert "/console/queue?band=high&amp;q=E-10&amp;lang=en" in page


# ---- files ----------------------------------------------------------------------------------


def test_pages_work_without_vendored_libraries(tmp_path: Path) -> None:
    """A script tag stands only where its file does."""
    for name in ("console.css", "console.js", "icon.svg"):
        (tmp_path / name).write_bytes((assets_module.STATIC / name).read_bytes())
    client = open_console(assets=Assets(tmp_path))
    sign_in(client)
    for path in ("/console/queue", "/console/cases/R-0001"):
        page = client.get(path).text
        assert page.count("<script") == 1
        assert "vendor" not in page


def test_a_pinned_file_is_cached_for_ever(client: TestClient) -> None:
    """The address that a page gives carries the digest and may be kept."""
    url = re.search(
        r'href="(/console/static/console\.css\?v=\w+)"', client.get("/console/queue").text
    )
    assert url is not None
    answer = client.get(url[1])
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/css")


def test_an_empty_queue_page_needs_no_records() -> None:
    """A new installation shows an empty queue in words."""
    client = open_console(MemorySource(()))
    sign_in(client)
    assert "没有符合条件的事项" in client.get("/console/queue").text
    assert MemorySource(()).queue(None, None, "", cursor="", limit=1) == QueuePage(())


SIGNED_IN = open_console()
sign_in(SIGNED_IN)
KNOWN_TAGS = (
    Elements(SIGNED_IN.get("/console/queue?q=E").text).names()
    | Elements(SIGNED_IN.get("/console/queue?q=absent").text).names()
)


def test_p_confirmed_is_shown_with_its_interval_and_only_where_it_is_known() -> None:
    """In both languages, with the reviews it rests on; never as a certainty."""
    told = Likelihood(value=0.127, low=0.0451, high=0.9999, n_reviews=120)
    scores = RECORDS[0].verdict.scores.model_copy(update={"p_confirmed": told})
    record_id = RECORDS[0].verdict.record_id
    client = open_console(MemorySource((altered(scores=scores), *RECORDS[1:])))
    sign_in(client)
    english = client.get(f"/console/cases/{record_id}?lang=en").text
    assert (
        "Reviews confirm about 13% of events that score like this: with 95 percent confidence "
        "between 4.5% and 99%, from 120 reviews."
    ) in english
    assert "约有 13% 得到证实" in client.get(f"/console/cases/{record_id}?lang=zh-CN").text
    other = client.get(f"/console/cases/{RECORDS[1].verdict.record_id}?lang=en").text
    assert "Reviews confirm" not in other
