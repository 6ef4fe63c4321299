"""The passwords of a runtime: random, one set per data directory, kept there (mode 0600)."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from seckill.runtime.process import StartError, write_private

ROLES = (
    "postgres",
    "seckill_admin",
    "seckill_pooler",
    "seckill_buyer",
    "seckill_operator",
    "seckill_reader",
)


def load_passwords(path: Path | None) -> dict[str, str]:
    """Return role to password; read from ``path``, and made and kept there where it is missing.

    Args:
        path: the file, or None for passwords that are not kept.

    Raises:
        StartError: the file is not one of ours, or not readable for us.
    """
    known: dict[str, str] = {}
    if path is not None and path.exists():
        try:
            known = {str(name): str(value) for name, value in json.loads(path.read_text()).items()}
        except (OSError, ValueError, AttributeError) as error:
            raise StartError(f"{path} cannot be read as the file of passwords: {error}") from error
    # URL-safe, so that they stand in a connection URI as they are.
    passwords = {name: known.get(name) or secrets.token_urlsafe(18) for name in ROLES}
    if path is not None and passwords != known:
        write_private(path, json.dumps(passwords, indent=2) + "\n")
    return passwords
