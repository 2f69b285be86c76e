"""What a library prints while a pipeline is loaded and runs, and what is printed only once."""

import contextlib
import functools
from collections.abc import Iterator


@functools.cache
def print_once(line: str) -> None:
    """Print a line the first time that this process gets to it."""
    print(line)


@contextlib.contextmanager
def quiet(bars: bool) -> Iterator[None]:
    """Let diffusers and transformers log errors only, and draw no progress bars while they load.

    What else they would log is checked here: missing tensors are an error (models/checkpoint.py), and words beyond a
    model's limit are a warning (models/request.py). That the class is deprecated is known (models/pipelines.py). With
    `bars`, the progress bars stay.
    """
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    with contextlib.ExitStack() as undo:
        for log in (diffusers_logging, transformers_logging):
            undo.callback(log.set_verbosity, log.get_verbosity())
            log.set_verbosity_error()
            if not bars and log.is_progress_bar_enabled():
                undo.callback(log.enable_progress_bar)
                log.disable_progress_bar()
        yield
