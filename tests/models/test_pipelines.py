"""From a name to a pipeline, with random weights. A GPU is simulated at a seam of placing.py (conftest.py)."""

import re
import shutil
from unittest import mock

import diffusers
import fake_hub
import pytest
import torch

from t2v_helpers.models import MODELS, Model, Request, describe, fit, generate, load_pipeline, pipelines
from t2v_helpers.models.pipelines import check_scheduler

# DPMSolverMultistepScheduler of diffusers 0.42 meets numpy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def test_a_model_is_as_good_as_a_name(scale_folder):
    model = Model(repo=str(scale_folder), steps=3, scheduler="DPMSolverMultistepScheduler", gpu_dtype="float32")
    pipe = load_pipeline(model, device="cpu")
    assert pipe.t2v_model is model and type(pipe.scheduler).__name__ == model.scheduler
    assert describe(model) is model and model not in MODELS.values()
    assert type(pipe.unet.config._name_or_path) is str  # peft writes it into a LoRA's card, and reads it back


@pytest.mark.parametrize("name", ["modelscope", fake_hub.REPO, "damo-vilab/text-to-video-ms-1.7b"])
def test_modelscope_from_the_cache_by_any_of_its_names(cached, name, capsys):
    pipe = load_pipeline(name, device="cpu")
    assert pipe.t2v_model is MODELS["modelscope"] and pipe.t2v_model.revision == fake_hub.REVISION
    # the config of the text encoder says float16; beside a float32 UNet that would fail
    assert {part.dtype for part in (pipe.unet, pipe.vae, pipe.text_encoder)} == {torch.float32}
    assert type(pipe.scheduler).__name__ == "DPMSolverMultistepScheduler" and pipe.vae.use_slicing
    config = pipe.scheduler.config
    assert (config.beta_start, config.beta_end, config.beta_schedule) == (0.00085, 0.012, "scaled_linear")
    assert config.prediction_type == "epsilon" and config.steps_offset == 1
    assert pipe.tokenizer.model_max_length == 77
    load_pipeline(name, device="cpu")
    assert capsys.readouterr().out == MODELS["modelscope"].licence + "\n", "once"


def test_modelscope_gets_every_weight_of_the_half_precision_files(cached):
    """Under their names of 2023, which diffusers and transformers have changed since."""
    pipe = load_pipeline("modelscope", device="cpu")
    written = fake_hub.small_models(pipe.tokenizer, sample_size=32, tokens=77)
    for name, model in written.items():
        loaded = getattr(pipe, name).state_dict()
        assert loaded.keys() == model.state_dict().keys()
        for key, tensor in model.state_dict().items():
            assert torch.equal(loaded[key], tensor.half().float()), f"{name}: {key}"


def test_modelscope_on_a_gpu_is_half_precision_and_the_scale_model_single(cached, scale_folder, gpu):
    for name, dtype in (("modelscope", torch.float16), (scale_folder, torch.float32)):
        pipe = load_pipeline(name)
        assert {part.dtype for part in (pipe.unet, pipe.vae, pipe.text_encoder)} == {dtype}
        assert gpu.placed == torch.device("cuda")


@pytest.mark.parametrize(
    ("machine", "name", "because"),
    [
        ("no GPU", "tiny", "ModelScope needs a CUDA GPU and this runs on the CPU"),
        ("GPU", "modelscope", "a GPU and the weights are here"),
        ("full GPU", "tiny", "1.0 GB of GPU memory are free"),
        ("no weights", "tiny", "not in the hub's cache (load_pipeline('modelscope') downloads 3.7 GB, once)"),
        ("damaged weights", "tiny", "vae/diffusion_pytorch_model.fp16.safetensors is broken or cut short"),
    ],
)
def test_auto(cached, request, tmp_path, monkeypatch, capsys, machine, name, because):
    from huggingface_hub import constants

    if machine != "no GPU":
        request.getfixturevalue("gpu").free = 1e9 if machine == "full GPU" else 80e9
    if machine.endswith("weights"):
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    if machine == "damaged weights":
        blob = fake_hub.write_hub_cache(tmp_path) / "vae" / "diffusion_pytorch_model.fp16.safetensors"
        blob.resolve().write_bytes(b"cut")
    assert load_pipeline().t2v_model is MODELS[name]
    line, *rest = capsys.readouterr().out.splitlines()
    assert line.startswith(f"auto: {name}, because ") and because in line
    assert rest == ([MODELS[name].licence] if name == "modelscope" else [])


@pytest.mark.parametrize(
    ("answer", "downloads"),
    [
        ("", True),
        ("Yes ", True),
        ("n", False),
        ("no thanks", False),
        (EOFError(), False),
        (NotImplementedError(), False),
    ],
)
def test_auto_asks_once_before_it_downloads(cached, gpu, tmp_path, monkeypatch, answer, downloads):
    """The last two: a closed terminal, and a notebook that a program runs."""
    from huggingface_hub import constants

    asked = mock.Mock(side_effect=[answer])
    monkeypatch.setattr("builtins.input", asked)
    assert load_pipeline(ask=True).t2v_model is MODELS["modelscope"] and not asked.called, "the weights are here"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    fetched = mock.Mock(side_effect=ConnectionError("it would download"))
    monkeypatch.setattr(pipelines.hub, "_fetch", fetched)
    if downloads:
        with pytest.raises(ConnectionError):
            load_pipeline(ask=True)
    else:
        assert load_pipeline(ask=True).t2v_model is MODELS["tiny"]
    asked.assert_called_once_with("This GPU can run ModelScope. Download its weights (3.7 GB, once)? [Y/n] ")
    assert fetched.called == downloads


def test_auto_does_not_ask_without_a_gpu(monkeypatch):
    monkeypatch.setattr("builtins.input", mock.Mock(side_effect=AssertionError("it asks")))
    assert load_pipeline(ask=True).t2v_model is MODELS["tiny"]


@pytest.mark.parametrize("name", ["nope", "", "a/b/c", "org/", "/no/such/folder", "~nobody-here/x", None, 3, ["tiny"]])
def test_a_name_that_is_none(name):
    with pytest.raises(
        ValueError, match=r"^model .*: expected one of auto, tiny, tiny-wan, modelscope, .*, or a folder"
    ):
        load_pipeline(name)


def test_describe(scale_folder, tmp_path):
    assert describe(str(scale_folder)).steps == MODELS["tiny"].steps, "by the words in its tokenizer"
    assert describe(tmp_path) == Model(repo=str(tmp_path)), "by the defaults of the pipeline class"
    other = describe("org/name")
    assert (other.repo, other.revision, other.steps, other.guidance) == ("org/name", None, 50, 9.0)
    assert describe("zai-org/CogVideoX-2b") is MODELS["cogvideox"]


def test_folder_with_a_broken_tokenizer(scale_folder, tmp_path):
    folder = shutil.copytree(scale_folder, tmp_path / "broken")
    (folder / "tokenizer" / "tokenizer.json").write_text("{")
    with pytest.raises(ValueError, match=r"^[^\n]*broken cannot be loaded as a pipeline[^\n]*$"):
        load_pipeline(folder)


@pytest.mark.parametrize(("device", "said"), [("cuda", "has no CUDA GPU"), ("gpu", "expected a name such as")])
def test_device(scale_folder, device, said):
    with pytest.raises(ValueError, match=f"^device '?{device}'?: .*{said}"):
        load_pipeline(scale_folder, device=device)


FAMILY = [name for name in dir(diffusers) if name.endswith("Scheduler")]
FAMILY = [name for name in FAMILY if type(getattr(diffusers, name)).__name__ != "DummyObject"]
RUN = (
    "DDIM DDIMParallel DDPM DDPMParallel DEISMultistep DPMSolverMultistep DPMSolverSinglestep EulerAncestralDiscrete "
    "EulerDiscrete HeunDiscrete KDPM2AncestralDiscrete KDPM2Discrete LCM LMSDiscrete PNDM SASolver TCD UniPCMultistep "
    "CogVideoXDDIM"
).split()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FAMILY)
def test_a_scheduler_of_another_kind_runs_or_is_refused_in_one_line(scale, name):
    own, steps = scale.scheduler, 4
    try:
        scale.scheduler = getattr(diffusers, name).from_config(own.config)
    except (TypeError, ValueError):
        pytest.skip("diffusers does not make one from this config")
    try:
        frames = generate("a red circle moving left", scale, steps=steps, num_frames=2)
        assert name.removesuffix("Scheduler") in RUN and frames.shape[0] == 2
    except ValueError as error:
        assert name.removesuffix("Scheduler") not in RUN
        assert re.match(f"scheduler {name} (cannot run a TextToVideoSDPipeline: expected|runs from a clip)", str(error))
        assert "\n" not in str(error)
    finally:
        scale.scheduler = own


WIDE = {"class": "EulerDiscreteScheduler", "sigma_min": 0.002, "sigma_max": 700.0, "use_karras_sigmas": True}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"prediction_type": "epsilon"}, "reads the network's output as epsilon, but the model predicts v_"),
        ({"beta_end": 0.5}, "another noise schedule than the model was trained with"),
        ({"rescale_betas_zero_snr": False}, "another noise schedule"),
        ({"num_train_timesteps": 500}, "another noise schedule"),
        ({"timestep_spacing": "leading"}, None),
        (
            {"class": "EulerDiscreteScheduler", "sigma_min": 0.002, "sigma_max": 700.0, "use_karras_sigmas": True},
            "another",
        ),
    ],
)
def test_a_scheduler_that_the_model_was_not_trained_with(scale, options, says):
    own = scale.scheduler
    try:
        options = dict(options)
        make = getattr(diffusers, options.pop("class", "DDIMScheduler"))
        scale.scheduler = make.from_config(own.config, **options)
        _, notes = fit(Request("a red circle moving left"), scale)
    finally:
        scale.scheduler = own
    assert [says in note for note in notes] == ([True] if says else [])


def test_flow_and_variance_preserving_noise_are_not_mixed(scale):
    class WanPipeline:
        t2v_scheduler = diffusers.FlowMatchEulerDiscreteScheduler()

    pipe = WanPipeline()
    flow = {"use_flow_sigmas": True, "prediction_type": "flow_prediction"}
    for scheduler in (pipe.t2v_scheduler, diffusers.UniPCMultistepScheduler(**flow)):
        pipe.scheduler = scheduler
        assert check_scheduler(pipe, 5) == []
    kept = diffusers.DDIMScheduler.from_config(diffusers.UniPCMultistepScheduler(**flow).config)
    assert kept.config.use_flow_sigmas, "a setting that DDIM does not know"
    for scheduler in (diffusers.UniPCMultistepScheduler(), diffusers.DDIMScheduler(), kept):
        pipe.scheduler = scheduler
        with pytest.raises(ValueError, match=r"cannot run a WanPipeline: expected one with noise of flow matching"):
            check_scheduler(pipe, 5)
    own = scale.scheduler
    try:
        scale.scheduler = diffusers.UniPCMultistepScheduler(**flow)
        with pytest.raises(ValueError, match=r"expected one with noise of the variance-preserving kind"):
            check_scheduler(scale, 5)
    finally:
        scale.scheduler = own


@pytest.mark.parametrize("name", ["DDIMPipeline", "StableDiffusionPipeline"])
def test_a_pipeline_of_another_kind_is_refused_in_one_line(scale, name):
    kind = getattr(diffusers, name)
    with pytest.raises(ValueError, match=f"^pipeline {name}: expected the name of a model, or a loaded TextToVideoSD"):
        generate("a red circle moving left", kind.__new__(kind))
