"""``seckill demo``: a crowd of buyers against a real sale, and an independent count afterwards.

``crowd`` says what buyers do, ``calls`` makes and measures their calls, ``shop`` and ``naive``
are the two shops they can go to, ``worker`` is one process of the crowd and ``workers`` starts
them, ``audit`` counts, ``view`` and ``report`` show it, ``run`` puts the parts together.
"""

from __future__ import annotations
