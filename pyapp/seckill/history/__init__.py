"""What buyers were told, against what the books have.

A program that sends load writes down each call before it is sent and what became of it after
(`Recorder`); `verify` reads these histories beside the database, with SQL of its own that shares
nothing with the functions it judges. Sums alone are blind to an answer that was given and lost:
the rest of the books still agrees with itself.
"""

from __future__ import annotations

from seckill.history.books import Books, read_books
from seckill.history.read import Attempt, HistoryError, read_history
from seckill.history.record import Entry, Recorder, prepare
from seckill.history.verify import Verdict, judge, verify

__all__ = [
    "Attempt",
    "Books",
    "Entry",
    "HistoryError",
    "Recorder",
    "Verdict",
    "judge",
    "prepare",
    "read_books",
    "read_history",
    "verify",
]
