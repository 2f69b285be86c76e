WRONG = {
    "9.1": {
        "are made": lambda n, s: int(s * n),
        "round before": lambda n, s: int(n - s * n),
        "whole number": lambda n, s: n - s * n,
        "None": lambda n, s: None,
        "are left out, got": lambda n, s: n - int(s * n) - (s == 1),
    },
    "9.2": {
        "multiple of 4, 81": lambda wanted, step: wanted // step * step,
        "round down": lambda wanted, step: -(-(wanted - 1) // step) * step + 1,
        "no multiple": lambda wanted, step: wanted,
        "whole number": lambda wanted, step: (wanted - 1) / step * step + 1,
        "under the rule": lambda wanted, step: wanted // step * step + 1,
    },
    "9.3": {
        "are missing": lambda n, step, once, rate, guided: n * step / (1 if guided else 2) / rate,
        "once a clip": lambda n, step, once, rate, guided: n * (step / (1 if guided else 2) + once) / rate,
        "divide by the rate": lambda n, step, once, rate, guided: n * step + once,
        "costs half": lambda n, step, once, rate, guided: (n * step + once) / rate,
        "counted as two": lambda n, step, once, rate, guided: (n * step * (2 if guided else 1) + once) / rate,
        "None": lambda n, step, once, rate, guided: None,
    },
}
