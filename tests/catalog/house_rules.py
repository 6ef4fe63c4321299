"""The house rules for functions, as one query over the catalogue: no row, no fault.

`faults(connection)` is used by test_house_rules.py, which also breaks every rule once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from psycopg import Connection
from psycopg.rows import class_row

LONGEST_BODY = 70

QUERY = r"""
with setting as (
  select p.oid, substr(c.entry, length('search_path=') + 1) as search_path
    from pg_proc p, unnest(p.proconfig) as c (entry)
   where c.entry like 'search\_path=%%'
), f as (
  select p.*, n.nspname, l.lanname,
         n.nspname || '.' || p.proname as name,
         coalesce(s.search_path = '""' or s.search_path ~ '(^|, )pg_temp$', false) as is_pinned,
         p.prosqlbody is not null as is_bound,
         coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) as body
    from pg_proc p
    join pg_namespace n on n.oid = p.pronamespace
    join pg_language l on l.oid = p.prolang
    left join setting s on s.oid = p.oid
   where n.nspname in ('seckill', 'seckill_private')
)
select name, rule
  from f, lateral (values
    ('is not owned by seckill_owner', proowner <> 'seckill_owner'::regrole),
    ('has no comment', obj_description(oid, 'pg_proc') is null),
    ('does not pin search_path', not is_pinned and (prosecdef or not is_bound) and prokind <> 'p'),
    ('of the API is not security definer',
     nspname = 'seckill' and not prosecdef and prokind <> 'p'),
    ('is private and security definer', nspname = 'seckill_private' and prosecdef),
    ('may be executed by PUBLIC', has_function_privilege('public', oid, 'execute')),
    ('has an argument without p_',
     exists (select from generate_series(1, pronargs) as i
              where (proargnames[i] is null or proargnames[i] !~ '^p_[a-z0-9_]+$')
                and coalesce(proargmodes[i] in ('i', 'v'), true))),
    ('has an overload',
     exists (select from pg_proc o
              where o.pronamespace = f.pronamespace and o.proname = f.proname and o.oid <> f.oid)),
    ('of the API returns out parameters',
     nspname = 'seckill' and prokind = 'f' and proargmodes is not null),
    -- A bound body is kept parsed, so test_names.py counts the lines of its file.
    ('has a body that is too long',
     array_length(string_to_array(btrim(prosrc, E'\n'), E'\n'), 1) > %(longest)s),
    ('writes or locks and is not volatile',
     provolatile <> 'v'
     and body ~* '\m(insert\s+into|update\s+\w+\.|delete\s+from|for\s+(no\s+key\s+)?update'
                 '|for\s+(key\s+)?share|nextval|pg_advisory\w*|set_config'
                 '|pg_logical_emit_message)\M'),
    ('reads tables or the clock and is immutable',
     provolatile = 'i' and body ~* '(\m(from|join)\s+seckill_private\.\w+(?!\s*\()|_timestamp\()')
  ) as r (rule, is_broken)
 where is_broken
union all
select 'seckill.' || t.typname, 'is a result whose first field is not status text'
  from pg_type t
  join pg_class c on c.oid = t.typrelid and c.relkind = 'c'
  left join pg_attribute a on a.attrelid = c.oid and a.attnum = 1
 where t.typnamespace = 'seckill'::regnamespace
   and t.typname like '%%\_result'
   and (a.attname, a.atttypid) is distinct from ('status', 'text'::regtype)
union all
select 'seckill.' || t.typname, 'is a type without comment'
  from pg_type t
  join pg_class c on c.oid = t.typrelid and c.relkind = 'c'
 where t.typnamespace = 'seckill'::regnamespace
   and obj_description(t.oid, 'pg_type') is null
union all
select n.nspname || '.' || c.relname, 'is a relation without comment'
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
 where n.nspname in ('seckill', 'seckill_private')
   and c.relkind in ('r', 'p', 'v', 'm')
   and not c.relispartition
   and c.relname <> 'alembic_version'
   and obj_description(c.oid, 'pg_class') is null
 order by 1, 2
"""


class Fault(NamedTuple):
    """A thing of the catalogue and the rule that it breaks."""

    name: str
    rule: str


def faults(connection: Connection[Any]) -> list[Fault]:
    """Everything in the database that breaks a rule."""
    cursor = connection.cursor(row_factory=class_row(Fault))
    return cursor.execute(QUERY.encode(), {"longest": LONGEST_BODY}).fetchall()
