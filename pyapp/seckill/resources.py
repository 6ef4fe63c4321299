"""Where the SQL is: in the wheel beside this module, or in the checkout.

The wheel carries ``migrations/`` and ``procedures/`` as ``seckill/_migrations`` and
``seckill/_procedures``. In a checkout the living directories at its top level are used.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def checkout() -> Path | None:
    """Return the checkout that this package is run from, or None for an installed wheel."""
    root = _PACKAGE.parents[1]
    marks = (root / "pyproject.toml", root / "migrations", root / "procedures")
    return root if all(mark.exists() for mark in marks) else None


def _locate(bundled: str, living: str) -> Path:
    inside = _PACKAGE / bundled
    if inside.is_dir():
        return inside
    root = checkout()
    if root is None:
        raise FileNotFoundError(f"this installation of seckill lacks its {living}: install it anew")
    return root / living


def migrations() -> Path:
    """Return the Alembic script directory (``env.py``, ``versions/``, ``sql/``)."""
    return _locate("_migrations", "migrations")


def procedures() -> Path:
    """Return the directory of the living SQL sources, one function a file."""
    return _locate("_procedures", "procedures")
