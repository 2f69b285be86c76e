"""The playground: its films are `generate`'s, and what can go wrong is put into words."""

import json
import shutil
import subprocess

import numpy as np
import pytest
import torch

from t2v_helpers import generate, load_pipeline, read_video
from t2v_helpers.models import MODELS
from t2v_helpers.models.request import check_prompt
from t2v_helpers.shapes import judge
from tools.course import ROOT

SCRIPTS = ROOT / "site" / "_static" / "playground"
WHOLE = 30e6  # bytes
DONE = "document.querySelector('#films').dataset.state === 'done'"
FILM = """async request => {
    const {Pipeline} = await import(new URL('_static/playground/pipeline.js', location.href))
    const pipelines = (window.pipelines ??= {})
    const pipeline = (pipelines[request.model] ??=
        await Pipeline.load(new URL('_static/playground/', location.href).href, request.model, () => {}))
    const frames = await pipeline.decode(await pipeline.denoise(request, () => {}))
    return frames.map(frame => [...frame])
}"""
REQUESTS = [
    ("tiny", "a red circle moving left", 0, 10, 2.0),
    ("tiny", "A purple triangle that gets bigger!", 2**40 + 1, 7, 1.0),
    ("tiny", "shrinking, a blue box", 5, 16, 3.5),
    ("tiny", "a cyan square falling", 3, 4, 0.0),
    ("tiny-wan", "Shrinking, a blue box!", 2**40 + 1, 8, 2.0),
    ("tiny-wan", "a cyan square falling", 3, 2, 0.0),
]


def node(code, *arguments):
    """What a script prints as JSON; it may import the playground's modules."""
    if not shutil.which("node"):
        pytest.skip("no Node.js on this machine")
    command = ["node", "--input-type=module", "--eval", code, *map(str, arguments)]
    made = subprocess.run(command, cwd=SCRIPTS, capture_output=True, text=True, timeout=60)
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout)


def about(site, model):
    return (site / "_static" / "playground" / "models" / model / "model.json").read_text()


@pytest.mark.parametrize("seed", [0, 1, 2**32 + 5, 2**63 - 1])
@pytest.mark.parametrize("count", [16, 17, 40, 4096])
def test_noise_is_torchs(seed, count):
    code = "import {randn} from './random.js'; const [n, seed] = process.argv.slice(1);"
    made = node(f"{code} console.log(JSON.stringify([...randn(+n, BigInt(seed))]))", count, seed)
    ours = torch.randn(count, generator=torch.Generator().manual_seed(seed))
    np.testing.assert_allclose(made, ours.numpy(), atol=3e-6)


@pytest.mark.parametrize("model", ["tiny", "tiny-wan"])
def test_time_steps_are_the_schedulers(model, site):
    pipe = load_pipeline(model, device="cpu")
    code = """import {scheduler} from './schedulers.js'; const path = scheduler(JSON.parse(process.argv[1]));
        const all = [...Array(25)].map((_, i) => path.path(i + 1).map(([moment]) => moment.given));"""
    for made in node(f"{code} console.log(JSON.stringify(all))", about(site, model)):
        pipe.scheduler.set_timesteps(len(made))
        np.testing.assert_allclose(made, pipe.scheduler.timesteps, rtol=1e-6)


@pytest.mark.parametrize("model", ["tiny", "tiny-wan"])
@pytest.mark.parametrize(
    "prompt", ["a red circle moving left", "  Growing, a YELLOW  disc!! ", "a box , , is falling.", ""]
)
def test_tokens_are_the_tokenizers(prompt, model, site):
    tokenizer = load_pipeline(model, device="cpu").tokenizer
    code = "import {tokens} from './prompt.js'; const [prompt, about] = process.argv.slice(1);"
    made = node(
        f"{code} console.log(JSON.stringify([...tokens(prompt, JSON.parse(about).vocabulary)].map(Number)))",
        prompt,
        about(site, model),
    )
    plain = check_prompt(prompt, tokenizer)[0] if prompt else ""
    assert made == tokenizer(plain, padding="max_length").input_ids


def shown(page):
    """Waits for the film of the form's request."""
    page.wait_for_function(DONE)


@pytest.fixture(scope="module")
def playground(host, open_page):
    page, asked = open_page(f"{host}/playground.html")
    shown(page)
    yield page
    assert asked == []
    page.close()


@pytest.mark.parametrize("model, prompt, seed, steps, guidance", REQUESTS)
def test_a_film_is_that_of_generate(model, prompt, seed, steps, guidance, playground):
    settings = {"steps": steps, "guidance": guidance}
    made = playground.evaluate(FILM, settings | {"model": model, "prompt": prompt, "seed": str(seed)})
    made = np.array(made, float).reshape(-1, 64, 64, 4)
    assert (made[..., 3] == 255).all()
    ours = generate(prompt, model, seed=seed, **settings)
    apart = np.abs(made[..., :3] - 255 * ours)
    assert apart.max() <= 3 and apart.mean() <= 0.5
    assert judge(made[..., :3].astype(np.float32) / 255) == judge(ours)


def test_the_form_makes_the_film_and_the_files_hold_it(playground, tmp_path):
    playground.fill("#prompt", "a cyan square falling")
    playground.fill("#seed", "3")
    playground.click("#go")
    playground.wait_for_function("document.querySelector('#films').dataset.state === 'working'")
    shown(playground)
    assert playground.locator(".guesses button").count() == 10
    assert "prompt=a+cyan+square+falling&seed=3&steps=10&guidance=2" in playground.url
    frames = generate("a cyan square falling", "tiny", seed=3)
    for kind, tolerance in (("GIF", 2), ("WebM", 25)):  # a recorder's colors are in another range
        with playground.expect_download() as download:
            playground.click(f"text=Save as {kind}")
        path = tmp_path / download.value.suggested_filename
        download.value.save_as(path)
        saved = read_video(path)[0]
        assert saved.shape[1:] == (256, 256, 3) and abs(len(saved) - 16) <= (kind == "WebM")
        small = saved[:, 2::4, 2::4]
        n = min(len(small), 16)
        assert np.abs(small[:n] - frames[:n]).mean() * 255 < tolerance and judge(small) == judge(frames), kind


def test_a_link_reproduces_a_film_and_a_second_prompt_starts_from_the_same_noise(host, open_page):
    page, _ = open_page(
        f"{host}/playground.html#prompt=a+red+disc+rising&seed=7&steps=3&guidance=1&second=a+blue+disc+rising"
    )
    shown(page)
    assert [page.input_value(f"#{name}") for name in ("prompt", "seed", "steps", "guidance")] == [
        "a red disc rising",
        "7",
        "3",
        "1",
    ]
    assert page.locator(".made h3").all_inner_texts() == ["a red disc rising", "a blue disc rising"]
    assert page.locator(".guesses button").count() == 6
    page.close()


@pytest.mark.parametrize(
    "prompt, seed, words",
    [
        ("a red panda moving left", "0", "does not know “panda”"),
        ("", "0", "The prompt is empty"),
        ("a " * 23, "0", "has 23 tokens"),
        ("a red circle", "-1", "Random seed “-1”"),
        ("a red circle", str(2**63), "below 2⁶³"),
    ],
)
def test_what_cannot_be_made_is_put_into_words(prompt, seed, words, playground):
    playground.fill("#prompt", prompt)
    playground.fill("#seed", seed)
    playground.click("#go")
    problem = playground.locator("#problem")
    problem.wait_for(state="visible")
    assert words in problem.inner_text()
    playground.fill("#prompt", "a red circle moving left")
    playground.fill("#seed", "0")
    playground.fill("#steps", "2")
    playground.click("#go")
    problem.wait_for(state="hidden")
    shown(playground)
    playground.fill("#steps", "10")


def test_the_other_model_is_loaded_when_it_is_chosen(host, open_page):
    page, _ = open_page("about:blank")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{host}/playground.html#steps=2")
    shown(page)
    assert any("tiny/denoiser.onnx" in url for url in asked) and not any("tiny-wan" in url for url in asked)
    page.select_option("#model", "tiny-wan")
    page.wait_for_function("document.querySelectorAll('.latents canvas').length === 16")
    shown(page)
    steps, guidance = MODELS["tiny-wan"].steps, MODELS["tiny-wan"].guidance
    assert page.locator(".guesses button").count() == steps
    assert page.url.endswith(f"#model=tiny-wan&prompt=a+red+circle+moving+left&seed=0&{steps=}&{guidance=:g}&second=")
    assert sum("ort.bin" in url for url in asked) == 1
    page.fill("#prompt", "a red elephant")
    page.click("#go")
    page.wait_for_selector("#problem:not([hidden])")
    assert "does not know “elephant”. It knows these 34 words: a, bigger" in page.inner_text("#problem")
    page.close()


def test_without_a_connection_it_goes_on_and_opens_again(browser, host):
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto(f"{host}/playground.html#steps=2")
    shown(page)
    page.wait_for_function("""async () => {
        const cache = await caches.open((await caches.keys())[0])
        const kept = (await cache.keys()).map(request => request.url)
        return kept.some(url => url.endsWith('tiny/decoder.onnx')) && kept.some(url => url.endsWith('playground.html'))
    }""")
    context.set_offline(True)
    page.click("#dice")
    page.wait_for_function("document.querySelector('#films').dataset.state === 'working'")
    shown(page)
    page.reload()
    shown(page)
    context.close()


def test_a_network_that_cannot_be_loaded_is_put_into_words(host, open_page):
    page, _ = open_page("about:blank")
    page.route("**/denoiser.onnx", lambda route: route.abort())
    page.goto(f"{host}/playground.html")
    page.wait_for_selector("#problem:not([hidden])")
    assert "denoiser.onnx could not be loaded. Check the connection" in page.inner_text("#problem")
    page.close()


def test_a_browser_without_simd_is_told_so(host, open_page):
    page, _ = open_page("about:blank")
    page.add_init_script("WebAssembly.validate = () => false")
    page.goto(f"{host}/playground.html")
    page.wait_for_selector("#problem:not([hidden])")
    assert "no WebAssembly with SIMD" in page.inner_text("#problem")
    page.close()


def test_the_whole_download_is_small(site):
    loads = [path for path in site.rglob("*") if "playground" in path.relative_to(site).as_posix() and path.is_file()]
    assert 15e6 < sum(path.stat().st_size for path in loads) <= WHOLE
