"""The console in a real browser: no policy violation, keys, live filters, and all of it without."""

import hashlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect, sync_playwright

from serving.console.assets import STATIC
from serving.console.memory import MemorySource
from serving.console.pages import console_router

pytestmark = pytest.mark.needs("chromium")

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
KEY = "a key for reviewers"
CUT_SECTIONS = """[...document.querySelectorAll("section")]
    .filter((section) => section.scrollWidth > section.clientWidth).length"""
HAS_VENDOR = (STATIC / "vendor" / "htmx.min.js").is_file()
needs_vendor = pytest.mark.skipif(
    not HAS_VENDOR,
    reason="browser libraries are not vendored; run python -m serving.console.vendor",
)


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    """The console on a free port of this machine."""
    samples = Path(__file__).parents[1] / "data" / "console_records.json"
    app = FastAPI()
    app.include_router(
        console_router(
            MemorySource.load(samples),
            key_sha256=hashlib.sha256(KEY.encode()).hexdigest(),
            signing_key=b"s" * 32,
            secure_cookies=False,
            clock=lambda: datetime(2026, 3, 4, 4, tzinfo=UTC),
        )
    )
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()  # calls wait in line until the server takes them
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the module."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@contextmanager
def reviewer(
    browser: Browser, base_url: str, *, tolerated: str = "\0", **settings: object
) -> Iterator[Page]:
    """A signed-in reviewer's page; what the browser complains about, but for `tolerated`, fails."""
    context = browser.new_context(base_url=base_url, **settings)  # type: ignore[arg-type]
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None,
    )
    page.goto("/console/login")
    page.get_by_label("访问密钥").fill(KEY)
    page.get_by_role("button", name="登录").click()
    page.wait_for_url("**/console/queue")
    yield page
    context.close()
    assert [text for text in complaints if tolerated not in text] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_pages_fit_and_break_no_policy(
    browser: Browser, base_url: str, scheme: str, width: int
) -> None:
    """Both pages, both languages: nothing in the console log, nothing wider than the screen."""
    size = {"width": width, "height": 900}
    with reviewer(browser, base_url, viewport=size, color_scheme=scheme) as page:
        for path in ("/console/queue", "/console/cases/R-0001"):
            for language in ("zh-CN", "en"):
                page.goto(f"{path}?lang={language}")
                assert page.locator("html").get_attribute("lang") == language
                assert page.evaluate("document.documentElement.scrollWidth") <= width
                assert page.evaluate(CUT_SECTIONS) == 0


def test_keys_walk_the_queue_and_open_a_case(browser: Browser, base_url: str) -> None:
    """j and k move, Enter opens, u goes back, / goes to the search."""
    with reviewer(browser, base_url) as page:
        for key in ("j", "j", "j", "k"):
            page.keyboard.press(key)
        expect(page.locator(".row").nth(1).locator("a")).to_be_focused()
        page.keyboard.press("Enter")
        page.wait_for_url("**/console/cases/R-0002")
        page.keyboard.press("u")
        page.wait_for_url("**/console/queue")
        page.keyboard.press("/")
        expect(page.get_by_label("事项编号")).to_be_focused()
        page.keyboard.type("jk")
        expect(page.get_by_label("事项编号")).to_have_value("jk")


@needs_vendor
def test_a_filter_works_at_once(browser: Browser, base_url: str) -> None:
    """Choosing a band renews the list and the address without a button."""
    with reviewer(browser, base_url) as page:
        page.get_by_label("差异程度").select_option("medium")
        expect(page.locator(".row")).to_have_count(1)
        expect(page.locator(".row")).to_contain_text("E-0977")
        assert "band=medium" in page.url


@needs_vendor
def test_an_ended_session_leads_a_live_filter_to_the_door(browser: Browser, base_url: str) -> None:
    """The sign-in form never lands inside the list; afterwards the filter is still wanted."""
    with reviewer(browser, base_url, tolerated="401") as page:
        page.context.clear_cookies(name="lianjing_session")
        page.get_by_label("差异程度").select_option("low")
        page.wait_for_url("**/console/login?next=*")
        page.get_by_label("访问密钥").fill(KEY)
        page.keyboard.press("Enter")
        page.wait_for_url("**/console/queue?*band=low*")


@needs_vendor
def test_the_chart_is_drawn_from_the_table(browser: Browser, base_url: str) -> None:
    """With the library the shares are drawn above the table that holds them."""
    with reviewer(browser, base_url) as page:
        page.goto("/console/cases/R-0001")
        expect(page.locator("[data-share-chart] canvas")).to_be_visible()
        expect(page.locator("#reasons tbody tr")).to_have_count(4)


def test_everything_works_without_scripts(browser: Browser, base_url: str) -> None:
    """Sign-in, filter, case, drawings, table and sign-out need no JavaScript."""
    with reviewer(browser, base_url, java_script_enabled=False) as page:
        page.get_by_label("差异程度").select_option("high")
        page.get_by_role("button", name="筛选").click()
        expect(page.locator(".row")).to_have_count(2)
        page.get_by_role("link", name="拨付金额").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("7.8 倍")
        expect(page.get_by_role("img", name="金额与同类之比")).to_be_visible()
        expect(page.locator("#reasons tbody tr")).to_have_count(4)
        expect(page.locator("[data-share-chart]")).to_be_hidden()
        expect(page.locator("[data-keys]")).to_be_hidden()
        page.get_by_role("link", name="English").click()
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/console/login")
