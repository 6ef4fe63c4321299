"""The shared parts of the faults; their options stand in fix_options.py (tests/conftest.py)."""

from __future__ import annotations

from tests.faults.fix_round import fault as fault
from tests.faults.fix_round import fault_runtime as fault_runtime
