"""The migrations of Seckill: frozen SQL, run verbatim. README.md beside this file explains them."""

from __future__ import annotations
