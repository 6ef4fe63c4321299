"""placeholder"""

from __future__ import annotations

from tests.containers.stack import SERVERS, Stack


def test_up(stack: Stack) -> None:
    for service in SERVERS:
        assert stack.healthy(service), service
