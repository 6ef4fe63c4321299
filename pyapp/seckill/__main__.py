"""``python -m seckill``: the command line."""

from __future__ import annotations

from seckill.cli import main

main()
