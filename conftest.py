"""For tests and notebooks: no network but loopback, no GPU, no hub, in this process and in every one it starts."""

import importlib.util
import os
import pathlib
import signal
import sys

import pytest

_OFFLINE = str(pathlib.Path(__file__).parent / "tests" / "offline")
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [_OFFLINE, os.environ.get("PYTHONPATH")]))
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
if _OFFLINE not in sys.path:
    sys.path.insert(0, _OFFLINE)
sys.modules.pop("sitecustomize", None)
import sitecustomize  # noqa: E402, F401

collect_ignore = ["tools/notebooks/store.py"]  # settings, no module
if not importlib.util.find_spec("sphinx"):  # `make site` installs what these import
    collect_ignore += ["tools/site", "tools/notebooks/slides.py"]
LONGEST = """test_alterations 08_train_text_to_video 06_text_meets_video 10_flow_matching test_runs test_lab
batch/test_cli test_colab benchmark/test_cli test_draw test_scale_model test_stages""".split()


def pytest_collection_modifyitems(items):
    """Leave what is marked as long to T2V_LONG=1; begin with the files that take longest, so that no worker is left
    alone with one of them at the end."""
    if not os.environ.get("T2V_LONG"):
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(pytest.mark.skip(reason="takes long; T2V_LONG=1 runs it, as CI does"))

    def rank(item):
        names = (item.path.stem, f"{item.path.parent.name}/{item.path.stem}")
        return next((i for i, name in enumerate(LONGEST) if name in names), len(LONGEST))

    items.sort(key=rank)


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what runs in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)
