"""The one percentile that all reports mean."""

from __future__ import annotations

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], percent: float) -> float | None:
    """The smallest value that so many percent of the values do not exceed; None of none."""
    ordered = sorted(values)
    if not ordered:
        return None
    # 99.9 is no binary fraction: without rounding, a whole rank may come out a little above itself.
    rank = math.ceil(round(len(ordered) * percent / 100, 6))
    return ordered[max(rank, 1) - 1]
