"""Numbers as tiles and charts show them: short, and never with an exponent."""


def seconds_shown(seconds: float) -> str:
    """In milliseconds below a second, two digits of it."""
    return f"{_digits(seconds, 2)} s" if seconds >= 0.9995 else f"{_digits(1_000 * seconds, 2)} ms"


def percent_shown(share: float) -> str:
    return f"{100 * share:.3g} %"


def count_shown(number: int) -> str:
    if number < 10_000:
        return f"{number:,}".replace(",", " ")
    return f"{_digits(number / 1_000, 3)} k" if number < 999_500 else f"{_digits(number / 1_000_000, 3)} m"


def _digits(value: float, significant: int) -> str:
    return f"{value:.{significant}g}" if 1e-4 <= value < 10**significant - 0.5 else f"{value:.0f}"
