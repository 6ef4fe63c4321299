"""`seckill bench`: our ways to buy beside their peers, in one run, as ratios.

A *measure* is one way at one number of callers (`measures.py`). A round takes every measure once,
in turn, so that whatever else the machine does falls on all of them. A *ratio* divides two
measures of the same round (`ratios.py`); the median of the rounds is what is reported.
"""
