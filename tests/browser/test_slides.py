"""The slides of every notebook, opened from a folder: nothing is asked of others, cut off or given away."""

import os
import re

import pytest

from tools import course

SHOWN = """index => {
    Reveal.slide(...Object.values(Reveal.getIndices(Reveal.getSlides()[index])));
    const slide = Reveal.getCurrentSlide(), body = slide.querySelector('.body');
    const inside = slide.getBoundingClientRect(), math = [...body.querySelectorAll('math')].map(m => m.clientHeight);
    return {
        over: Math.max(body.scrollHeight - body.clientHeight, body.scrollWidth - body.clientWidth),
        outside: Math.max(inside.bottom - innerHeight, inside.right - innerWidth, -inside.top, -inside.left),
        size: parseFloat(body.style.fontSize || 1), math, words: body.innerText,
        prose: [...body.querySelectorAll('p, li, td')].map(e => e.innerText).join(' '),
        films: body.querySelectorAll('video').length, head: slide.querySelector('h1, h2').innerText,
    };
}"""
PLAYING = "[...Reveal.getCurrentSlide().querySelectorAll('video')].every(v => v.videoWidth && v.currentTime > 0.1)"


@pytest.fixture(scope="module")
def decks(tmp_path_factory):
    """The folder that `make slides` writes, with npm's packages as `make site` installed them."""
    pytest.importorskip("sphinx", reason="what `make site` installs is missing")
    from tools.notebooks import slides

    if not (slides.SITE / "node_modules" / "reveal.js").is_dir():
        assert not os.environ.get("T2V_REQUIRE_SITE"), "npm's packages are missing: make site"
        pytest.skip("npm's packages are missing: make site")
    folder = tmp_path_factory.mktemp("class") / "slides"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slides, "install", lambda: None)
        assert slides.main([str(folder)]) == 0
    return folder


@pytest.mark.parametrize("path", course.NOTEBOOKS, ids=lambda path: path.stem[:2])
def test_slides_show_the_notebook_on_a_wall_without_its_solutions(path, decks, open_page):
    from tools.notebooks.slides import LEFT_OUT, slides

    page, asked = open_page("about:blank")
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("requestfailed", lambda request: said.append(request.url))
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto((decks / f"{path.stem}.html").as_uri(), wait_until="load")
    page.wait_for_function("Reveal.isReady() && [...document.images].every(i => i.complete && i.naturalWidth > 0)")
    count = page.evaluate("Reveal.getTotalSlides()")
    assert count == sum(map(len, slides(path))) > 20
    shown = [page.evaluate(SHOWN, index) for index in range(count)]
    assert max(slide["over"] for slide in shown) <= 1 and max(slide["outside"] for slide in shown) <= 1
    assert min(slide["size"] for slide in shown) >= 0.7, "letters that nobody can read from the back"
    math = [height for slide in shown for height in slide["math"]]
    assert all(height > 0 for height in math) and (len(math) > 3 or path == course.NOTEBOOKS[0])
    assert len(math) == sum("".join(slide["body"]).count("<math") for column in slides(path) for slide in column)
    sections = [
        line[3:] for cell in course.cells(path, "markdown") for line in cell.source.splitlines() if line[:3] == "## "
    ]
    heads = " ".join(slide["head"] for slide in shown)
    assert all(title in heads for title in sections if "$" not in title and title not in LEFT_OUT)
    words = "\n".join(slide["words"] for slide in shown)
    assert not re.search(r"NotImplementedError|exercise \d+\.\d+: not|google\.colab", words)
    assert not re.search(r"[$\\]", " ".join(slide["prose"] for slide in shown)), "LaTeX that is no equation"
    everything = page.evaluate("document.body.textContent")  # the speaker's notes as well
    assert "Your prediction" in everything
    assert not any(exercise.solution.strip() in everything for exercise in course.exercises(path))
    films = [index for index, slide in enumerate(shown) if slide["films"]]
    for index in films[:1] + films[-1:]:
        page.evaluate(SHOWN, index)
        page.wait_for_function(PLAYING)
    assert films and asked == [] and said == []
    page.close()
