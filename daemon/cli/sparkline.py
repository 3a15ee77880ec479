"""How do many numbers look in one line?"""

from collections.abc import Sequence

STEPS = "▁▂▃▄▅▆▇█"
NOTHING = "·"


def of(numbers: Sequence[float | None], *, low: float = 0.0, high: float | None = None) -> str:
    """A bar for each, as high as it lies between `low` and the greatest, or `high`; a dot for none.

    What is not nothing is not drawn as nothing: the smallest has the lowest bar.
    """
    top = max((each for each in numbers if each is not None), default=0.0) if high is None else high
    return "".join(NOTHING if each is None else _bar(each, low, top) for each in numbers)


def _bar(number: float, low: float, top: float) -> str:
    share = (number - low) / (top - low) if top > low else 0.0
    return STEPS[max(0, min(len(STEPS) - 1, round(share * (len(STEPS) - 1))))]
