"""What diffusers and transformers log while a pipeline is loaded and runs, and where it is said instead."""

import contextlib


@contextlib.contextmanager
def quiet(bars):
    """Let diffusers and transformers log errors only, and draw no bars while they load.

    What else they would log is said or checked all the same: that the class is deprecated (top of pipelines.py),
    tensors that are missing (an error, weights.py), words that are cut (a warning, prompts.py).
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
