"""What diffusers and transformers log is silenced while a pipeline loads and runs, and only then."""

import contextlib
import logging
import signal

import pytest
import torch

from t2v_helpers.models.pipelines import generate, load_pipeline

# DPMSolverMultistepScheduler of diffusers 0.42 meets numpy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")
SMALL = {"steps": 2, "num_frames": 3, "height": 64, "width": 64}


@contextlib.contextmanager
def logged():
    """The records that diffusers and transformers log, whatever their handlers do with them."""
    records = []
    handler = logging.Handler()
    handler.emit = records.append
    loggers = [logging.getLogger(name) for name in ("diffusers", "transformers")]
    for logger in loggers:
        logger.addHandler(handler)
    yield records
    for logger in loggers:
        logger.removeHandler(handler)


def test_scale_model_is_loaded_in_silence(scale_folder, capfd):
    from diffusers import DiffusionPipeline
    from diffusers.utils import logging as log

    with logged() as records:
        DiffusionPipeline.from_pretrained(scale_folder, dtype=torch.float32)
    assert any("has been deprecated" in record.getMessage() for record in records), "what there is to silence"
    assert "Loading pipeline components" in capfd.readouterr().err
    before = log.get_verbosity(), log.is_progress_bar_enabled()
    with logged() as records:
        pipe = load_pipeline(scale_folder)
        generate("a red circle", pipe, **SMALL)
    assert capfd.readouterr() == ("", "") and not records
    assert (log.get_verbosity(), log.is_progress_bar_enabled()) == before


def test_warnings_of_modelscope(cached):
    """One warning each from here, and none of the log lines of diffusers and transformers beside it."""
    pipe, prompt = load_pipeline("modelscope", device="cpu"), "un panda sur " + "o" * 70 + " montagne"
    with logged() as records:
        pipe(prompt, num_inference_steps=1, num_frames=1, height=8, width=8)
    assert any("was truncated" in record.getMessage() for record in records), "what there is to silence"
    with pytest.warns(UserWarning) as caught, logged() as records:
        generate(prompt, pipe, **SMALL)
    assert not records
    assert [str(warning.message) for warning in caught if warning.category is UserWarning] == [
        "the prompt does not look English, and this model was trained on English only",
        "the prompt is cut at 77 tokens; lost or cut: '" + "o" * 70 + " montagne'",
    ]
    assert all(warning.filename == __file__ for warning in caught if warning.category is UserWarning)


def test_interrupt_goes_through_and_leaves_no_trace(scale):
    from diffusers.utils import logging as log

    before = log.get_verbosity()
    hook = scale.unet.register_forward_pre_hook(lambda *_: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        generate("a red circle", scale, **SMALL)
    hook.remove()
    assert log.get_verbosity() == before
    assert generate("a red circle", scale, **SMALL).shape == (3, 64, 64, 3)
