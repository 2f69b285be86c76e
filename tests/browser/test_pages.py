"""The notebooks as pages without a kernel: clips play, pictures stand, equations are drawn, nothing comes from afar."""

import nbformat
import pytest

from tools.course import NOTEBOOKS
from tools.notebooks import pages

PLAYING = "[...document.querySelectorAll('video')].every(v => v.videoWidth && v.currentTime > 0.1)"
PICTURES = """[...document.images].map(image => {
    const canvas = Object.assign(document.createElement('canvas'), {width: 64, height: 64})
    canvas.getContext('2d').drawImage(image, 0, 0, 64, 64)
    const shown = canvas.getContext('2d').getImageData(0, 0, 64, 64).data
    return image.complete && image.clientWidth > 0 && new Set(shown).size
})"""
EQUATIONS = """[...document.querySelectorAll('math')].filter(m => !m.closest('details'))
    .map(m => Math.min(m.clientWidth, m.clientHeight))"""


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem[:2])
def shown(request, open_page, tmp_path_factory):
    """(notebook, its page in the browser, what the page asked of the network)."""
    file = tmp_path_factory.mktemp("pages") / f"{request.param.stem}.html"
    file.write_text(pages.page(request.param), encoding="utf-8")
    page, asked = open_page(file.as_uri())
    yield nbformat.read(request.param, as_version=4), page, asked
    page.close()


def stored(notebook, kind):
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output.data[kind] for output in outputs if kind in output.get("data", {})]


def test_every_stored_clip_is_there_and_plays(shown):
    notebook, page, _ = shown
    assert page.locator("video").count() == sum(html.count("<video") for html in stored(notebook, "text/html")) > 0
    page.wait_for_function(PLAYING)


def test_every_stored_picture_is_there_and_not_blank(shown):
    notebook, page, _ = shown
    colors = page.evaluate(PICTURES)
    linked = sum(c.source.count("](../assets/figures/") for c in notebook.cells if c.cell_type == "markdown")
    assert len(colors) == len(stored(notebook, "image/png")) + linked and all(number > 2 for number in colors)


def test_every_equation_is_drawn_and_no_tex_is_left(shown):
    notebook, page, _ = shown
    sizes = page.evaluate(EQUATIONS)
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert len(sizes) + page.locator("details math").count() >= prose.count("$$") / 2 and all(
        size > 0 for size in sizes
    )
    assert page.locator(".equation span").count() == prose.count(r"\tag{")
    words = page.evaluate("[...document.querySelectorAll('.jp-MarkdownOutput')].map(e => e.innerText).join(' ')")
    assert "\\" not in words and "$" not in words
    assert page.evaluate("document.fonts.check('16px \"STIX Two Math\"')")


def test_solutions_are_folded_and_open_on_a_click(shown):
    notebook, page, _ = shown
    solutions = [cell for cell in notebook.cells if "solution" in cell.metadata.get("tags", [])]
    inside = page.locator("details pre")
    assert inside.count() >= len(solutions) > 0 and not any(each.is_visible() for each in inside.all())
    page.locator("summary").first.click()
    assert inside.first.is_visible()
    page.locator("summary").first.click()


def test_nothing_is_asked_of_the_network_and_no_script_is_there(shown):
    _, page, asked = shown
    assert asked == []
    assert page.locator("script").count() == 0


def test_no_page_is_wider_than_the_window_and_no_line_is_cut(shown):
    _, page, _ = shown
    cut = "[...document.querySelectorAll('.highlight pre')].filter(p => p.scrollWidth > p.clientWidth + 1)"
    assert page.evaluate(f"{cut}.map(pre => pre.textContent)") == []
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


def test_links_lead_from_page_to_page(shown):
    _, page, _ = shown
    links = page.evaluate("[...document.links].map(link => link.getAttribute('href'))")
    near = [link for link in links if not link.startswith(("http", "#", "../assets/", "../docs/"))]  # of the repository
    assert set(near) <= {f"{path.stem}.html" for path in NOTEBOOKS}
