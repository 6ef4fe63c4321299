"""What one call is, in pgbench's language. Every buyer is a new one.

`:activity` is the sale. What goes through PgBouncer is sent as plain queries, since PgBouncer knows
prepared statements from 1.22 on only; what goes directly is prepared, peers and ours alike.
"""

from __future__ import annotations

# A name that no shop has: units that are not sold go to its inventory.
SKU = "seckill-bench"
# An order of three lines.
SKUS = (SKU, f"{SKU}-2", f"{SKU}-3")
BATCH = 500
# Of a pool; the first is what the others are beside.
SLOTS = (1, 4, 8)

_BUYER = "\\set buyer random(1, 9000000000000000000)\n"
_ARGUMENTS = f":activity, 'u' || :buyer, '{SKU}', 1, gen_random_uuid()"

SELECT_1 = "select 1;\n"

PLAIN_INSERT = (
    _BUYER + "insert into seckill_bench.plain (user_id, sku, request_id) "
    f"values ('u' || :buyer, '{SKU}', gen_random_uuid());\n"
)

TEXTBOOK = f"""\
{_BUYER}begin;
select available from seckill_bench.stock where sku = '{SKU}' for update;
insert into seckill_bench.bought (user_id, sku, request_id)
values ('u' || :buyer, '{SKU}', gen_random_uuid());
update seckill_bench.stock set available = available - 1 where sku = '{SKU}';
commit;
"""

_NAMES = ", ".join(f"'{sku}'" for sku in SKUS)

TEXTBOOK_LINES = f"""\
{_BUYER}begin;
select available from seckill_bench.stock where sku in ({_NAMES}) order by sku for update;
insert into seckill_bench.bought (user_id, sku, request_id)
select 'u' || :buyer, sku, gen_random_uuid() from unnest(array[{_NAMES}]) as sku;
update seckill_bench.stock set available = available - 1 where sku in ({_NAMES});
commit;
"""

RESERVE_LINES = (
    f"{_BUYER}select status from seckill.reserve_lines("
    f":activity, 'u' || :buyer, array[{_NAMES}], array[1, 1, 1], gen_random_uuid());\n"
)

RESERVE = f"{_BUYER}select status from seckill.reserve({_ARGUMENTS});\n"

RESERVE_NOW = f"{_BUYER}call seckill.reserve_now({_ARGUMENTS});\n"


def _batch(subjects: str) -> str:
    size = f"array[{BATCH}]"
    each = f"from generate_series(1, {BATCH}) as n"
    return f"""\
{_BUYER}select count(*) from seckill.reserve_batch(
  array_fill(:activity::bigint, {size}),
  array(select 'u' || :buyer || '-' || n {each}),
  array_fill('{SKU}'::text, {size}),
  array_fill(1, {size}),
  array(select gen_random_uuid() {each}),
  array_fill('*'::text, {size}),
  {subjects});
"""


RESERVE_BATCH = _batch(f"array_fill('{{}}'::jsonb, array[{BATCH}])")

RESERVE_BATCH_SUBJECTS = _batch(
    "array(select jsonb_build_object('phone', 'p' || :buyer || n, 'address', 'a' || :buyer || n)\n"
    f"        from generate_series(1, {BATCH}) as n)"
)
