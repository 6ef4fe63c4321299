"""Replays run in this process, as the other commands' tests do."""

from __future__ import annotations

from tests.cli.conftest import ops as ops
from tests.cli.conftest import run as run
