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
LONG = [f"tests/{folder}/*.py" for folder in ("course/checks", "course/pictures", "benchmark", "browser")]
LONG += [f"tests/course/notebooks/test_{name}.py" for name in ("address", "grade", "handout", "lessons")]
LONGEST = """08_*.ipynb 07_*.ipynb 09_*.ipynb *.ipynb test_playground.py test_site.py test_grade.py test_lab.py
benchmark/test_cli.py test_runs.py test_alterations.py batch/test_cli.py test_scale_model.py test_explorers_site.py
test_counting.py test_colab.py test_installed.py test_draw.py""".split()


def pytest_collection_modifyitems(items):
    """Leave to T2V_LONG=1 what is marked as long, and what is in LONG: tests of maintainers' tools, of the benchmark
    and in a browser. Begin with the files that take longest, so that no worker is left alone with one at the end."""
    if not os.environ.get("T2V_LONG"):
        for item in items:
            if item.get_closest_marker("long") or any(map(item.path.match, LONG)):
                item.add_marker(pytest.mark.skip(reason="takes long; T2V_LONG=1 runs it, as CI does"))

    def rank(item):
        return next((i for i, pattern in enumerate(LONGEST) if item.path.match(pattern)), len(LONGEST))

    items.sort(key=rank)


def pytest_runtest_setup():
    """Tests may take random weights from torch's global state: the same ones in any order and on any worker."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what runs in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)
