"""One Chromium for a file of tests; where there is none they skip, and fail where T2V_REQUIRE_BROWSER is set."""

import functools
import http.server
import os
import threading

import pytest

from tools.checks.timing import find_chromium
from tools.course import ROOT

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PATIENCE = 120_000  # milliseconds: the machine may be busy with the other tests


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = find_chromium()
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


SITE = ROOT / "build" / "site"


@pytest.fixture(scope="session")
def site():
    """The folder that `make site` wrote; tests skip where there is none, or fail where T2V_REQUIRE_SITE is set."""
    places = "site", "notebooks", "docs", "assets", "tools/site"
    stored = [path for place in places for path in (ROOT / place).rglob("*.*")]
    newest = max(path.stat().st_mtime for path in stored if "node_modules" not in path.parts and path.suffix != ".pyc")
    if not SITE.is_dir() or newest > (SITE / "index.html").stat().st_mtime:
        assert not os.environ.get("T2V_REQUIRE_SITE"), "build/site is missing or older than its sources: make site"
        pytest.skip("build/site is missing or older than its sources: make site")
    return SITE


@pytest.fixture(scope="module")
def host(site, tmp_path_factory):
    """The address of a static host that serves the site under a path."""
    folder = tmp_path_factory.mktemp("host")
    (folder / "some").mkdir()
    (folder / "some" / "path").symlink_to(site)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Handler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/some/path"
        server.shutdown()
