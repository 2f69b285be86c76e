"""One Chromium for a file of tests; where there is none they skip, and fail where T2V_REQUIRE_BROWSER is set."""

import os
import shutil

import pytest

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PATIENCE = 120_000  # milliseconds: the machine may be busy with the other tests


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not chromium:
        assert not os.environ.get("T2V_REQUIRE_BROWSER"), "no chromium on this machine, and here one is required"
        pytest.skip("no chromium on this machine, expected one on the PATH")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=ARGUMENTS, timeout=PATIENCE)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def open_page(browser):
    """Opens an address in a page of its own: open_page(address) -> (page, what it asked of the network)."""

    def open_page(address, **options):
        page = browser.new_page(viewport={"width": 1100, "height": 900}, **options)
        page.set_default_timeout(PATIENCE)
        asked = []

        def far(route):
            asked.append(route.request.url)
            route.abort()

        page.route(lambda url: url.startswith("http") and "//127.0.0.1:" not in url, far)
        page.goto(address, wait_until="domcontentloaded")
        return page, asked

    return open_page
