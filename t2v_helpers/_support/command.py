"""One frame for the package's commands: how they read their arguments, what they print when they fail, how they end.

Exit codes: 0 done, 1 the work failed (`Failed`), 2 bad input, 130 interrupted. Each problem is one line on stderr that
begins with the command's name, and so is each warning.
"""

import argparse
import math
import re
import sys
import warnings
from collections.abc import Callable, Sequence


class Refused(ValueError):
    """Bad input with several things wrong: each argument is a line of its own."""


class Failed(Exception):
    """The input was fine but the work failed: each argument is a line of its own, and the exit code is 1."""


class Parser(argparse.ArgumentParser):
    """A command's arguments: what `python -m` runs, what it does, and an epilog that is printed as it is written.

    >>> Parser("t2v_helpers", "Generate a video.").parse_args(["--size"])
    Traceback (most recent call last):
    ValueError: unrecognized arguments: --size (see --help)
    """

    def __init__(self, module: str, description: str, epilog: str = ""):
        super().__init__(
            prog=f"python -m {module}",
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.module = module

    def error(self, message: str):
        """Raise ValueError, which `run` prints as one line; argparse itself would print several and exit."""
        raise ValueError(f"{message} (see --help)")


def run(
    parser: Parser, work: Callable, arguments: Sequence[str] | None = None, interrupted: str = "interrupted"
) -> int:
    """Parse the arguments (of sys.argv, if None), call work with them, report what goes wrong, return the exit code.

    After Ctrl-C, `interrupted` is printed; "%(work)s" in it is the value of --work.
    """

    def report(*problems):
        for problem in problems:
            print(f"{parser.module}: {' '.join(str(problem).split())}", file=sys.stderr)

    given = {}
    for stream in (sys.stdout, sys.stderr):  # a name that the terminal cannot show is printed as an escape
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = lambda message, *_: report(message)
        try:
            args = parser.parse_args(arguments)
            given = vars(args)
            work(args)
        except (Failed, Refused) as error:
            report(*error.args)
            return 1 if isinstance(error, Failed) else 2
        except (ValueError, OSError, FloatingPointError) as error:
            report(error)
            return 2
        except KeyboardInterrupt:
            report(interrupted % given)
            return 130
    return 0


def whole(text: str) -> int:
    """A whole number, as a type of `add_argument`."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a whole number") from None


def count(text: str) -> int:
    """A whole number from 1, as a type of `add_argument`."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a whole number from 1")
    return int(text)


def number(text: str) -> float:
    """A finite number, as a type of `add_argument`."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r}, expected a finite number")
    return value


def positive(text: str) -> float:
    """A finite number above 0, as a type of `add_argument`."""
    value = number(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a number above 0")
    return value


def size(text: str) -> tuple[int, int]:
    """Width and height in pixels, such as 320x256, as a type of `add_argument`."""
    match = re.fullmatch(r"(\d+)[x×](\d+)", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r}, expected width and height in pixels, such as 64x64")
    return int(match[1]), int(match[2])
