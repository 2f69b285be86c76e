"""The explorers on the site's pages: their script computes what the package computes, and they answer to a reader."""

import re

import numpy as np
import pytest
import torch

from t2v_helpers import figures, toys
from t2v_helpers.diffusion import ddim_sample, ddim_step, ddpm_step, exact_denoiser, posterior, q_sample, times
from t2v_helpers.gan import alternating_step, r1_penalty
from t2v_helpers.measures import energy_distance
from t2v_helpers.schedules import NoiseSchedule
from tools.course import ROOT

AXE = ROOT / "site" / "node_modules" / "axe-core" / "axe.min.js"
SEVERE = """axe.run('.explorer').then(found => found.violations.filter(v => ['serious', 'critical'].includes(v.impact))
    .map(v => v.id + ': ' + v.nodes.map(n => n.target).join(' | ')))"""
PAGES = {
    "schedule_explorer": "04_schedules_and_steps",
    "sampler_explorer": "04_schedules_and_steps",
    "forward_explorer": "02_forward_diffusion",
    "training_explorer": "01_generative_models_gans",
}
MODULES = """async ([code, given]) => {
    const load = name => import(new URL('../_static/' + name + '.js', location.href))
    const names = ['schedules', 'diffusion', 'toys', 'mlp', 'gan'].map(name => 'explorers/' + name)
    const all = Object.assign({}, ...await Promise.all([...names, 'playground/random'].map(load)))
    const plain = x => ArrayBuffer.isView(x) ? [...x] : Array.isArray(x) ? x.map(plain) : x
    return plain(await new Function('all', 'given', code)({...all, load}, given))
}"""
FAMILIES = {"linear": "linear", "scaled linear": "scaled_linear", "sigmoid": "sigmoid", "cosine": "cosine"}
STILL = "!document.querySelector('[data-explorer=training_explorer] .caption').textContent.includes('training …')"


@pytest.fixture(scope="module")
def script(host, open_page):
    """Runs code that has the modules' exports in `all` and what it is given in `given`, on notebook 01's page."""
    page, _ = open_page(f"{host}/notebooks/{PAGES['training_explorer']}.html")
    page.wait_for_selector("[data-explorer=training_explorer] .caption")
    yield lambda code, **given: page.evaluate(MODULES, [code, given])
    page.close()


def close(made, ours, tolerance=1e-10):
    ours = torch.as_tensor(ours).detach().flatten().double().numpy()
    np.testing.assert_allclose(np.array(made, float).ravel(), ours, rtol=tolerance, atol=tolerance)


def schedule_of(family, T=1000, ends=None, rescale=False):
    schedule = getattr(NoiseSchedule, FAMILIES[family])(T, **(ends or {}))
    return schedule.zero_terminal_snr() if rescale else schedule


@pytest.mark.parametrize("rescale", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("T, ends", [(1000, {}), (20, {}), (250, {"start": 0.001, "end": 0.2})])
def test_schedules_are_the_packages(family, T, ends, rescale, script):
    given = {"family": family, "T": T, "ends": {} if family == "cosine" else ends, "rescale": rescale}
    made = script(
        """const {family, T, ends, rescale} = given
        const s = all.FAMILIES[family](T, ends), {betas, alphaBars, snr} = rescale ? s.zeroTerminalSnr() : s
        return [betas, alphaBars, snr]""",
        **given,
    )
    ours = schedule_of(*given.values())
    for table, expected in zip(made, (ours.betas, ours.alpha_bars, ours.snr), strict=True):
        close(table, expected, 1e-7)


@pytest.mark.parametrize("std", [0.0, 0.3])
@pytest.mark.parametrize("t", [1, 300, 1000])
def test_noising_denoiser_and_steps_are_the_packages(t, std, script):
    schedule, rng = schedule_of("cosine"), torch.Generator().manual_seed(t)
    x0, eps, noise, centers = torch.randn(4, 8, 2, generator=rng, dtype=torch.float64)
    x_t, s = q_sample(x0, t, schedule, eps), t // 2
    x0_hat = exact_denoiser(centers, schedule, std)(x_t, t)
    made = script(
        """const {x0, eps, noise, zero, centers, std, t, s} = given, schedule = all.NoiseSchedule.cosine()
        const x_t = all.qSample(x0, t, schedule, eps), x0Hat = all.exactDenoiser(centers, schedule, std)(x_t, t)
        const to = (noise, eta) => all.ddimStep(x_t, x0Hat, t, s, schedule, noise, eta)
        return [x_t, x0Hat, to(noise, 0), to(noise, 0.6), to(noise, 1), to(zero, 1)]""",
        **{
            name: x.flatten().tolist() for name, x in {"x0": x0, "eps": eps, "noise": noise, "centers": centers}.items()
        },
        **{"zero": [0] * 16, "std": std, "t": t, "s": s},
    )
    steps = [ddim_step(x_t, x0_hat, t, s, schedule, noise, eta) for eta in (0, 0.6)]
    steps += [ddpm_step(x_t, x0_hat, t, s, schedule, noise), posterior(x_t, x0_hat, t, schedule, s)[0]]
    for each, expected in zip(made, [x_t, x0_hat, *steps], strict=True):
        close(each, expected, 1e-7)


@pytest.mark.parametrize("eta", [0, 1])
def test_samples_are_the_packages_for_the_same_seed(eta, script):
    schedule, centers = schedule_of("linear"), toys.ring_centers()
    x_T = torch.randn(20, 2, generator=torch.Generator().manual_seed(3))
    dice = torch.Generator().manual_seed(5)
    ours = list(ddim_sample(exact_denoiser(centers, schedule, 0.05), x_T, schedule, dice, 6, "x0", eta))
    made = script(
        """const schedule = all.NoiseSchedule.linear(), x_T = all.randn(40, 3)
        const denoise = all.exactDenoiser(all.ringCenters(), schedule, 0.05)
        return [...all.ddimSample(denoise, x_T, schedule, new all.Generator(5), 6, given.eta)]""",
        eta=eta,
    )
    assert [t for t, _ in made] == [t for t, *_ in ours]
    for (_, each), (_, x_t, _) in zip(made, ours, strict=True):
        close(each, x_t, 2e-5)
    assert script("return [...Array(40)].map((_, i) => all.times(i + 1, 50))") == [times(n, 50) for n in range(1, 41)]


def test_points_weights_and_distances_are_the_packages_for_the_same_seed(script):
    rng = torch.Generator().manual_seed(4)
    x, y, network = toys.ring(50, rng), toys.ring(30, rng), toys.MLP((2, 64, 64, 1), rng, copies=3)
    made = script("""const rng = new all.Generator(4), [x, y] = [all.ring(50, rng), all.ring(30, rng)]
        const network = new all.MLP([2, 64, 64, 1], rng, 3, 2)
        return [x, y, ...network.parameters, network.forward(x), all.energyDistance(x, y)]""")
    parameters = [each[2] for pair in zip(network.weights, network.biases, strict=True) for each in pair]
    logits = network(x.repeat(3, 1)).chunk(3)[2]
    for each, expected in zip(made, [x, y, *parameters, logits, energy_distance(x, y)], strict=True):
        close(each, expected, 1e-5)


@pytest.mark.parametrize("gamma", [0, 0.3])
def test_a_round_of_a_gan_is_the_packages(gamma, script):
    rng = torch.Generator().manual_seed(6)
    G, D = (toys.MLP(sizes, rng).double() for sizes in ((2, 7, 5, 2), (2, 6, 8, 1)))
    adam = [torch.optim.Adam(net.parameters(), 2e-3, betas=(0.5, 0.9)) for net in (G, D)]
    batches = torch.randn(3, 3, 10, 2, generator=rng, dtype=torch.float64)
    made = script(
        """const rng = new all.Generator(6), G = new all.MLP([2, 7, 5, 2], rng), D = new all.MLP([2, 6, 8, 1], rng)
        const adam = [G, D].map(net => new all.Adam(net.parameters, 2e-3, [0.5, 0.9]))
        const round = batch => all.alternatingStep(G, D, adam, ...batch.map(x => Float64Array.from(x)), given.gamma)
        return [given.batches.map(round), ...[G, D].map(net => net.parameters.flatMap(x => [...x]))]""",
        gamma=gamma,
        batches=batches.flatten(2).tolist(),
    )
    penalty = (lambda D, x, fake: gamma * r1_penalty(D, x)) if gamma else None
    close(made[0], [alternating_step(G, D, adam, *batch, penalty=penalty) for batch in batches], 1e-7)
    for parameters, net in zip(made[1:], (G, D), strict=True):
        ours = [each for pair in zip(net.weights, net.biases, strict=True) for each in pair]
        close(parameters, torch.cat([each.flatten() for each in ours]), 1e-6)


@pytest.fixture(scope="module")
def gans():
    """Notebook 01's three GANs after 40 rounds: (G, D, data)."""
    data, rng = toys.ring(3000, torch.Generator().manual_seed(0)), torch.Generator().manual_seed(0)
    G, D = (toys.MLP((2, 64, 64, n), rng, copies=3) for n in (2, 1))
    adam = [torch.optim.Adam(net.parameters(), 2e-3, betas=(0.5, 0.9)) for net in (G, D)]
    for _ in range(40):
        rows = torch.randint(3000, (384,), generator=rng)
        alternating_step(G, D, adam, data[rows], *torch.randn(2, 384, 2, generator=rng))
    return G.requires_grad_(False), D.requires_grad_(False), data


Z_FIXED = torch.randn(500, 2, generator=torch.Generator().manual_seed(1))


def test_the_page_trains_the_notebooks_gans(gans, script):
    points = gans[0](Z_FIXED.repeat(3, 1)).chunk(3)
    for copy in (0, 2):
        made = script(
            """return all.load('explorers/training_explorer').then(({Training}) => {
                const training = new Training(given.copy, 0)
                while (training.round < 40) training.step()
                return training.snapshots.map(({x}) => x)
            })""",
            copy=copy,
        )
        assert len(made) == 3
        close(made[-1], points[copy], 1e-3)


@pytest.fixture(scope="module", params=PAGES)
def shown(request, host, open_page):
    """(an explorer's name, the explorer on its page, what the page complained about)"""
    page, asked = open_page("about:blank")
    said = []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"{host}/notebooks/{PAGES[request.param]}.html", wait_until="load")
    explorer = page.locator(f"[data-explorer={request.param}]")
    explorer.locator(".caption").wait_for()
    yield request.param, explorer, said
    assert asked == []
    page.close()


def state(explorer):
    """Everything that the panels show, and the caption."""
    drawn = explorer.evaluate(
        "e => [...e.querySelectorAll('svg, canvas')].map(p => p.toDataURL ? p.toDataURL() : p.innerHTML).join()"
    )
    return drawn, explorer.locator(".caption").inner_text()


def set_to(explorer, number, value):
    """Sets the control of this number: the index of its value, or whether it is checked."""
    explorer.locator("input, select").nth(number).evaluate(
        """(control, value) => {
            if (control.type === 'checkbox') control.checked = value
            else if (control.type === 'range') control.value = value
            else control.selectedIndex = value
            control.dispatchEvent(new Event('input', {bubbles: true}))
        }""",
        value,
    )


def test_every_control_has_a_name_and_moves_drawing_and_numbers(shown):
    name, explorer, said = shown
    for control in explorer.get_by_role("slider").all() + explorer.get_by_role("checkbox").all():
        before = state(explorer)
        assert control.evaluate("control => control.labels[0].textContent.trim()")
        control.focus()
        control.press("Space" if control.get_attribute("type") == "checkbox" else "ArrowLeft")
        if state(explorer) == before:  # it was at its lowest value
            control.press("ArrowRight")
        explorer.page.wait_for_function(STILL if name == "training_explorer" else "true")
        after = state(explorer)
        assert after[0] != before[0] and after[1] != before[1]
    for control in explorer.get_by_role("combobox").all():
        before, options = state(explorer), control.locator("option").all_inner_texts()
        control.select_option(options[-1])
        explorer.page.wait_for_function(STILL if name == "training_explorer" else "true")
        after = state(explorer)
        assert after[0] != before[0] and after[1] != before[1]
    assert said == []


MOVES = {  # the number of a control, and what it is set to here and in Jupyter
    "schedule_explorer": [
        (0, 0, "family", "linear"), (1, 5, "T", 1000), (3, 4, "last", 5), (1, 2, "T", 100), (4, True, "rescale", True),
        (0, 2, "family", "sigmoid"), (2, 12, "first", 10), (0, 3, "family", "cosine"),
    ],
    "forward_explorer": [
        (0, 55, "t", 550), (1, 4, "schedule", "zero terminal SNR"), (0, 100, "t", 1000), (0, 0, "t", 0),
    ],
    "sampler_explorer": [(0, 4, "steps", 6), (1, 4, "eta", 1), (2, 3, "schedule", "cosine"), (0, 0, "steps", 1)],
}  # fmt: skip


def numbers(words):
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", words.replace("x0", "x_0"))]


def test_captions_say_what_jupyters_explorers_say(shown):
    name, explorer, _ = shown
    if name == "training_explorer":
        pytest.skip("the next test compares it")
    jupyter = getattr(figures, name)()
    defaults = {key: control.value for key, control in jupyter.controls.items()}
    explorer.page.reload(wait_until="load")
    explorer.locator(".caption").wait_for()
    assert explorer.locator("input, select").count() == len(defaults)
    for number, here, control, there in [(None, None, None, None), *MOVES[name]]:
        if number is not None:
            set_to(explorer, number, here)
            jupyter.controls[control].value = there
        ours, made = jupyter.words.value, explorer.locator(".caption").inner_text()
        assert len(numbers(ours)) > 2
        np.testing.assert_allclose(numbers(made), numbers(ours), rtol=1e-6)
        assert "infinite" not in ours or "infinite" in made


def test_the_caption_of_a_training_says_what_jupyters_explorer_says(gans, host, open_page):
    G, D, data = gans
    points = G(Z_FIXED.repeat(3, 1)).reshape(3, 500, 2)
    D_plane = D(figures.plane(40).repeat(3, 1)).sigmoid().reshape(3, 40, 40)
    jupyter = figures.training_explorer([points], [D_plane], [40], data[:500])
    page, _ = open_page(f"{host}/notebooks/{PAGES['training_explorer']}.html")
    explorer = page.locator("[data-explorer=training_explorer]")
    explorer.locator(".caption").wait_for()
    set_to(explorer, 0, 2)
    for gan in (0, 1, 2):
        jupyter.controls["seed"].value = gan
        set_to(explorer, 1, gan)
        page.wait_for_function(STILL)
        made = numbers(explorer.locator(".caption").inner_text())
        assert made[:3] == [gan, 40, 960]
        np.testing.assert_allclose(made[3:6], numbers(jupyter.words.value), atol=0.0101)  # rounded in both
        assert made[6] == pytest.approx(energy_distance(points[gan], data[:500]), rel=0.06)
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_for_everyone_and_fits_a_phone(scheme, shown):
    _, explorer, _ = shown
    page = explorer.page
    page.emulate_media(color_scheme=scheme)
    page.reload(wait_until="load")
    explorer.locator(".caption").wait_for()
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    page.add_script_tag(path=AXE)
    assert page.evaluate(SEVERE) == []
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    edges = explorer.evaluate("e => [...e.querySelectorAll('div, p, svg')].map(n => n.getBoundingClientRect().right)")
    assert 0 < max(edges) <= 390
    page.set_viewport_size({"width": 1100, "height": 900})


@pytest.mark.parametrize("name", PAGES)
def test_without_script_its_line_or_picture_is_there_instead(name, host, open_page):
    for script in (True, False):
        page, _ = open_page(f"{host}/notebooks/{PAGES[name]}.html", java_script_enabled=script)
        place = page.locator(f"[data-explorer={name}]")
        place.wait_for(state="visible" if script else "attached")
        line = place.locator("xpath=ancestor::div[contains(@class,'cell_output')]").locator(".text_plain, img").first
        assert line.is_visible() != script and place.is_visible() == script
        page.close()


def test_a_gan_trains_pauses_and_can_be_watched_again(host, open_page):
    page, _ = open_page(f"{host}/notebooks/{PAGES['training_explorer']}.html")
    explorer = page.locator("[data-explorer=training_explorer]")
    at, button = explorer.get_by_role("slider", name="round"), explorer.get_by_role("button")
    button.click()
    page.wait_for_function("document.querySelector('[data-explorer=training_explorer] input').value >= 2")
    assert button.inner_text() == "Pause"
    button.click()
    page.wait_for_function(STILL)
    trained = int(at.input_value())
    assert button.inner_text() == "Train" and 2 <= trained < 48
    late = state(explorer)
    at.press("Home")
    early = state(explorer)
    assert early[0] != late[0] and "round 0 of" in early[1] and f"round {20 * trained} of" in late[1]
    page.close()
