"""``seckill worker``: the sweeper and the relay.

Nothing depends on either being there: a hold that has ended is worth nothing unswept, and a
sold-out flag ends by itself. The sweeper keeps the books close to the truth; the relay lets buyers
through a flag as soon as units have come back.
"""
