"""Typical wrong answers to the exercises: number -> {a word that the checker has to say: the answer}."""

import importlib
import pkgutil

WRONG = {}
for _chapter in sorted(module.name for module in pkgutil.iter_modules(__path__)):
    WRONG |= importlib.import_module(f"{__name__}.{_chapter}").WRONG
