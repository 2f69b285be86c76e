"""The course in JupyterLab: a notebook runs from the menu, clips play, explorers answer to mouse and keyboard."""

import contextlib
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest

NOTEBOOKS = pathlib.Path(__file__).parents[2] / "notebooks"
PATIENCE = 120_000  # milliseconds: the machine may be busy with the other tests
TOKEN = "of-this-test"
SETTINGS = {
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none", "autoStartDefaultKernel": True},
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false"},
}
PARTS = ("00_first_video", "02_forward_diffusion", "04_schedules_and_steps")
KEPT = re.compile(r"^import |^STORY|PromptBox|explorer\(\)", re.M)
DONE = """() => {
    const prompts = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map(p => p.textContent)
    const failed = document.querySelector('[data-mime-type="application/vnd.jupyter.error"]')
    return failed || prompts.length && prompts.every(text => /^\\[\\d+\\]:$/.test(text))
}"""
# The controls of an explorer, in the order in which a keyboard comes to them, and its picture and words.
CONTROLS = ".noUi-handle, select, input[type=checkbox]"
EXPLORER = ".jp-OutputArea-output .widget-vbox:has(img)"
FOCUSED = """([explorer, controls]) => {
    const all = [...explorer.querySelectorAll(controls)]
    return all.indexOf(document.activeElement)
}"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a notebook in a JupyterLab with a home of its own.

    It has the text of three and of their code only imports, the first films, the prompt box and the explorers: every
    notebook's code is run whole under nbval.
    """
    home = tmp_path_factory.mktemp("home")
    for name, settings in SETTINGS.items():
        file = home / "settings" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(settings))
    course = home / "course"
    course.mkdir()
    cells = [cell for name in PARTS for cell in nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells]
    cells = [cell for cell in cells if cell.cell_type == "markdown" or KEPT.search(cell.source)]
    for cell in cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(nbformat.v4.new_notebook(cells=cells), course / "parts.ipynb")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    places = {"JUPYTERLAB_SETTINGS_DIR": "settings", "JUPYTERLAB_WORKSPACES_DIR": "workspaces", "HOME": ""}
    places |= {f"JUPYTER_{what}_DIR": what.lower() for what in ("CONFIG", "DATA", "RUNTIME")}
    environment = os.environ | {name: str(home / folder) for name, folder in places.items()}
    environment |= {
        "OMP_NUM_THREADS": "1",
        "PATH": os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]]),
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--ServerApp.root_dir={course}"]
    command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}"]
    address = f"http://127.0.0.1:{port}"
    with (home / "log").open("wb") as log, subprocess.Popen(command, env=environment, stdout=log, stderr=log) as server:
        try:
            wait_for(address, server, home / "log")
            yield f"{address}/lab/tree/parts.ipynb?token={TOKEN}&reset"
        finally:
            server.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(30)
            server.kill()


def wait_for(address, server, log):
    end = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < end and server.poll() is None:
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(f"{address}/api?token={TOKEN}", timeout=5).read()
        time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def ran(lab, open_page):
    """The notebook, run from the menu: (page, what it asked of other machines)."""
    page, asked = open_page(lab)
    page.wait_for_selector(".jp-NotebookPanel .jp-CodeCell")
    page.wait_for_selector("#jp-main-statusbar :text('| Idle')")  # a menu that comes first asks for a kernel
    page.click(".lm-MenuBar-item:has-text('Run')")
    page.click(".lm-Menu-item:has-text('Run All Cells') >> nth=0")
    page.wait_for_function(DONE, timeout=2 * PATIENCE)
    return page, asked


def test_a_notebook_runs_from_the_menu_without_an_error(ran):
    page, _ = ran
    errors = page.query_selector_all(
        '[data-mime-type="application/vnd.jupyter.error"], [data-mime-type="application/vnd.jupyter.stderr"]'
    )
    assert [error.text_content() for error in errors] == []
    playing = "[...document.querySelectorAll('video')].every(v => v.videoWidth && v.currentTime > 0.2)"
    assert page.locator("video").count() > 0
    page.wait_for_function(playing)


@pytest.fixture(params=range(3), ids=["forward", "schedules", "samplers"])
def explorer(ran, request):
    """(page, an explorer in it), one after the other."""
    explorer = ran[0].locator(EXPLORER).nth(request.param)
    explorer.scroll_into_view_if_needed()
    return ran[0], explorer


def state(explorer):
    """What an explorer shows: (address of its picture, which is new with each, and the words below it)."""
    return explorer.locator("img").get_attribute("src"), explorer.locator(".widget-html-content").last.text_content()


def changed(page, explorer, before):
    """What the explorer shows once picture and words are others than before; fails if they stay."""
    for _ in range(PATIENCE // 100):
        now = state(explorer)
        if now[0] != before[0] and now[1] != before[1]:
            page.wait_for_function(
                "image => image.complete && image.naturalWidth", arg=explorer.locator("img").element_handle()
            )
            return now
        page.wait_for_timeout(100)
    pytest.fail(f"the explorer still shows {before[1]!r}")


def test_a_slider_that_is_dragged_changes_picture_and_words(explorer):
    page, explorer = explorer
    before, shown = state(explorer), explorer.locator("img").screenshot()
    handle, track = explorer.locator(".noUi-handle").first, explorer.locator(".noUi-base").first
    start, whole = handle.bounding_box(), track.bounding_box()
    middle = start["x"] + start["width"] / 2, start["y"] + start["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(whole["x"] + whole["width"] / 2, middle[1], steps=5)
    page.mouse.up()
    changed(page, explorer, before)
    assert explorer.locator("img").screenshot() != shown


def test_a_keyboard_comes_to_every_control_and_moves_the_sliders(explorer):
    page, explorer = explorer
    number, reached = explorer.locator(CONTROLS).count(), []
    explorer.locator(CONTROLS).first.focus()
    for _ in range(3 * number):
        at = page.evaluate(FOCUSED, [explorer.element_handle(), CONTROLS])
        if at >= 0:
            reached.append(at)
            if page.evaluate("document.activeElement.classList.contains('noUi-handle')"):
                before = state(explorer)
                at_its_end = page.evaluate("(e => +e.ariaValueNow == +e.ariaValueMin)(document.activeElement)")
                page.keyboard.press("ArrowRight" if at_its_end else "ArrowLeft")
                changed(page, explorer, before)
        page.keyboard.press("Tab")
    assert reached == list(range(number)), "not every control is reached, in order"


def test_the_prompt_box_makes_the_clip_that_is_typed_and_shows_what_is_wrong(ran):
    page, _ = ran
    box = page.locator(".jp-OutputArea-output .widget-vbox:has(video)")
    box.scroll_into_view_if_needed()
    for prompt, shown in (
        ("a red elephant", "'elephant', which the scale model does not know"),
        ("a blue box falling", ""),
    ):
        box.locator("input[type=text]").first.fill(prompt)
        page.keyboard.press("Tab")  # a text reaches the kernel when its field is left, or as it is typed
        box.get_by_role("button", name="Make the clip").click()
        words = box.locator(".widget-html-content").first.element_handle()
        page.wait_for_function("([words, shown]) => words.innerText.includes(shown)", arg=[words, shown])
    titled = "box => box.querySelector('figcaption').innerText == 'a blue box falling'"
    page.wait_for_function(titled, arg=box.element_handle())
    page.wait_for_function("box => box.querySelector('video').currentTime > 0.2", arg=box.element_handle())


def test_nothing_is_asked_of_the_network_but_the_badge(ran):
    assert {*ran[1]} == {"https://colab.research.google.com/assets/colab-badge.svg"}
