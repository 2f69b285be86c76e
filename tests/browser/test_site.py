"""The course's site, under a path of a static host: links, both themes, a phone's width, clips, search."""

import html.parser
import re
import urllib.parse

import nbformat
import pytest

from tools.course import NOTEBOOKS, ROOT, tags

AXE = ROOT / "site" / "node_modules" / "axe-core" / "axe.min.js"
# Of code that is coloured alike and of formulas one stays: there are thousands. Of single characters axe says nothing.
LEAN = """() => { const seen = new Set(); for (const e of document.querySelectorAll('pre span, math')) {
    const kind = [e.tagName, e.className, e.closest('[class*=cell_], .equation, a')?.className].join()
    if (seen.has(kind) || e.textContent.trim().length < 2) e.replaceWith(e.textContent)
    else if (e.checkVisibility()) seen.add(kind) } }"""
SEVERE = """rules => axe.run({preload: false, resultTypes: ['violations'], ...rules && {runOnly: rules}})
    .then(found => found.violations.filter(v => ['serious', 'critical'].includes(v.impact))
    .map(v => v.id + ': ' + v.nodes.map(n => n.target + ' ' + n.failureSummary).slice(0, 3).join(' | ')))"""
ALTS = "[...document.images].map(image => image.alt)"
RULES = {"dark": ["color-contrast", "link-in-text-block"], "light": None}  # other rules find the same in both
PLAYING = "[...document.querySelectorAll('video')].every(v => v.videoWidth && v.currentTime > 0.1)"
MATH = """[...document.querySelectorAll('article math')].filter(m => !m.closest('details'))
    .map(m => Math.min(m.clientWidth, m.clientHeight))"""
LANDING = 1e6  # bytes
BUILT = ("genindex.html", "search.html")  # by Sphinx, without content of the course


class Links(html.parser.HTMLParser):
    """The addresses that a page names, and the places in it that can be linked."""

    def __init__(self, path):
        super().__init__()
        self.links, self.places = [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.places |= {attributes.get("id"), attributes.get("name")}
        link = attributes.get("href" if tag in ("a", "link") else "src")
        if link is not None:
            self.links.append((tag, link))


def pages(site):
    return [path for path in sorted(site.rglob("*.html")) if "_static" not in path.parts]


def test_every_link_leads_to_something_and_only_links_lead_elsewhere(site):
    known = {path.resolve(): Links(path) for path in pages(site)}
    assert len(known) > 20
    broken, loaded = [], []
    for path, page in known.items():
        for tag, link in page.links:
            address = urllib.parse.urlsplit(link)
            if address.scheme in ("http", "https"):
                loaded += [(path.name, link)] if tag != "a" else []
            elif address.scheme not in ("mailto", "data"):
                target = (path.parent / urllib.parse.unquote(address.path)).resolve() if address.path else path
                place = urllib.parse.unquote(address.fragment)
                there = target.exists() and (not place or target not in known or place in known[target].places)
                broken += [] if there else [(path.name, link)]
    assert broken == [] and loaded == []


def test_the_download_button_hands_out_the_notebook_as_it_is_in_the_repository(site):
    for path in NOTEBOOKS:
        page = Links(site / "notebooks" / f"{path.stem}.html")
        (link,) = {link for _, link in page.links if link.endswith(".ipynb")}
        assert (site / "notebooks" / link).resolve().read_bytes() == path.read_bytes()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem[:2])
def test_a_notebook_has_its_clips_pictures_equations_and_folded_solutions(path, host, open_page):
    notebook = nbformat.read(path, as_version=4)
    page, asked = open_page(f"{host}/notebooks/{path.stem}.html")
    stored = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])]
    assert page.locator("video").count() == sum(data.get("text/html", "").count("<video") for data in stored) > 0
    page.wait_for_function(PLAYING)
    page.wait_for_function("[...document.images].every(i => i.loading === 'lazy' || i.complete && i.naturalWidth > 0)")
    pictures = sum("image/png" in data for data in stored)
    assert page.locator(".cell_output img").count() == pictures > 0
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    numbers = page.locator(".equation .number").all_inner_texts()
    assert numbers == [f"({number})" for text in prose for number in tags(text)]
    sizes = page.evaluate(MATH)
    assert len(sizes) + page.locator("details math").count() >= "".join(prose).count("$$") / 2 and min(sizes) > 0
    page.wait_for_function("document.fonts.check('16px \"STIX Two Math\"')")
    words = page.evaluate("[...document.querySelectorAll('article p')].map(e => e.textContent).join(' ')")
    assert "$" not in words and "\\" not in words
    solutions = sum("solution" in cell.metadata.get("tags", []) for cell in notebook.cells)
    inside = page.locator("details pre")
    assert inside.count() >= solutions > 0 and not any(each.is_visible() for each in inside.all())
    page.locator("summary", has_text="Solution").first.click()
    assert page.locator("details[open] pre").first.is_visible()
    assert asked == []
    page.close()


def test_every_page_is_readable_by_everyone_and_asks_nothing_of_others(site, host, open_page):
    page, asked = open_page("about:blank", reduced_motion="reduce")  # colours that fade confuse axe
    said, found = [], {}
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    for path in pages(site):
        if path.name in BUILT:
            continue
        name = path.relative_to(site).as_posix()
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size({"width": 390, "height": 800})
        page.goto(f"{host}/{name}", wait_until="load")
        wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        found[name] = [f"{wider} pixels wider than a phone"] if wider > 0 else []
        page.evaluate(LEAN)
        page.set_viewport_size({"width": 1100, "height": 900})
        page.add_script_tag(path=AXE)
        for scheme, rules in RULES.items():
            page.emulate_media(color_scheme=scheme)
            page.wait_for_selector(f'html[data-theme="{scheme}"]', state="attached")
            found[name] += page.evaluate(SEVERE, rules)
        wordless = re.compile(r"\.\./_images/|<Figure|[^a-z]*$")
        found[name] += [alt for alt in page.evaluate(ALTS) if wordless.match(alt)]
    assert {name: problems for name, problems in found.items() if problems} == {}
    assert asked == [] and said == []
    page.close()


def test_the_landing_page_is_light_and_shows_a_film(host, open_page):
    page, _ = open_page("about:blank")
    bodies = []
    page.on("response", lambda response: bodies.append(response))
    page.goto(f"{host}/index.html", wait_until="networkidle")
    film = page.locator("article img").first
    assert film.evaluate("image => image.naturalWidth") > 300 and film.bounding_box()["y"] < 700
    assert 1e5 < sum(len(response.body()) for response in bodies if response.ok) <= LANDING
    page.close()


def test_search_finds_a_term_of_the_course(host, open_page):
    page, asked = open_page(f"{host}/search.html?q=classifier-free+guidance")
    page.wait_for_selector("#search-results li a")
    links = page.evaluate("[...document.querySelectorAll('#search-results li a')].map(a => a.getAttribute('href'))")
    assert any("06_text_meets_video" in link for link in links) and any("glossary" in link for link in links)
    assert asked == []
    page.close()


def test_numbers_of_equations_and_terms_are_links(site):
    words = (site / "notebooks" / "04_schedules_and_steps.html").read_text(encoding="utf-8")
    assert re.search(r'href="03_reverse_diffusion.html#equation-3-\d+">\(3\.\d+\)</a>', words)
    term = re.search(r'class="term[^>]*href="\.\./docs/glossary.html#(term-[\w-]+)"', words)
    assert term and f'id="{term[1]}"' in (site / "docs" / "glossary.html").read_text(encoding="utf-8")
