"""Write procedures/README.md: the SQL reference, from the catalogue of a database at head.

    python ops/dev/generate_reference.py           write the file
    python ops/dev/generate_reference.py --check   status 1 if it is not current

The part that a catalogue cannot know (how to call, statuses, errors, lock order) is written by
hand in reference_intro.md beside this file.
"""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg.rows import class_row

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from ops.dev.dump_schema import head_database, settle  # noqa: E402

README = ROOT / "procedures" / "README.md"
INTRO = Path(__file__).with_name("reference_intro.md")
GROUPS = {"buying": "Buying", "running": "Running a sale", "reading": "Reading"}

FUNCTIONS: LiteralString = """
select p.proname as name,
       (select array_agg(argument.name || ' ' || format_type(argument.type, null)
                 || coalesce(' default '
                             || pg_get_function_arg_default(p.oid, argument.position::int), '')
                 order by argument.position)
          from unnest(p.proargnames, p.proargtypes::oid[])
               with ordinality as argument (name, type, position)
         where argument.type is not null) as arguments,
       pg_get_function_result(p.oid) as result,
       obj_description(p.oid, 'pg_proc') as comment,
       (select array_agg(r.rolname order by array_position(
                 array['seckill_read', 'seckill_app', 'seckill_ops']::name[], r.rolname))
          from pg_roles r
         where r.rolname in ('seckill_app', 'seckill_ops', 'seckill_read')
           and has_function_privilege(r.rolname, p.oid, 'execute')) as roles
  from pg_proc p
 where p.pronamespace = 'seckill'::regnamespace
"""
RELATIONS: LiteralString = """
select c.relname as name,
       c.relkind = 'v' as is_view,
       case c.relkind when 'c' then obj_description(c.reltype, 'pg_type')
                      else obj_description(c.oid, 'pg_class') end as comment,
       array_agg(a.attname order by a.attnum) as fields,
       array_agg(format_type(a.atttypid, a.atttypmod) order by a.attnum) as types,
       array_agg(coalesce(col_description(c.oid, a.attnum), '') order by a.attnum) as comments
  from pg_class c
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
 where c.relnamespace = 'seckill'::regnamespace
   and c.relkind in ('c', 'v')
 group by c.oid
 order by c.oid
"""


def plain(text: str) -> str:
    """Types and defaults as a person writes them: `p_region text default '*'`."""
    text = re.sub(r"(default .+)::[a-z ]+$", r"\1", text)
    return text.replace("default NULL", "default null").replace(
        "timestamp with time zone", "timestamptz"
    )


@dataclass(frozen=True, slots=True)
class Function:
    """A function of schema seckill, as the catalogue has it."""

    name: str
    arguments: list[str] | None
    result: str | None
    comment: str | None
    roles: list[str] | None

    def markdown(self) -> str:
        """Its part of the reference."""
        given = self.arguments or []
        if self.result is None:  # the rest of a procedure's are what it answers
            given = [argument for argument in given if argument.startswith("p_")]
        arguments = ",\n".join(f"  {plain(argument)}" for argument in given)
        head = f"seckill.{self.name} (\n{arguments}\n)" if arguments else f"seckill.{self.name} ()"
        result = "one row by call" if self.result is None else self.result
        result = result.replace("SETOF ", "setof ")
        roles = ", ".join(f"`{role}`" for role in self.roles or ["no role"])
        return (
            f"### {self.name}\n\n```sql\n{head}\n  returns {result}\n```\n\n"
            f"{self.comment or ''}\n\nExecuted by {roles}.\n"
        )


@dataclass(frozen=True, slots=True)
class Relation:
    """A result type or a view of schema seckill."""

    name: str
    is_view: bool
    comment: str | None
    fields: list[str]
    types: list[str]
    comments: list[str]

    def markdown(self) -> str:
        """Its part of the reference."""
        what = "column" if self.is_view else "field"
        header = [what, "type", "meaning"]
        rows = [
            [f"`{field}`", plain(kind), comment.replace("|", "\\|")]
            for field, kind, comment in zip(self.fields, self.types, self.comments, strict=True)
        ]
        if not any(self.comments):  # the comment on the whole says it all
            header, rows = header[:2], [row[:2] for row in rows]
        lines = [header, ["---"] * len(header), *rows]
        table = "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
        comment = f"{self.comment}\n\n" if self.comment else ""
        return f"### {self.name}\n\n{comment}{table}"


def order_of(manifest: str) -> list[tuple[str, str]]:
    """(directory, name) of each file, in the order of install.sql."""
    return re.findall(r"^\\ir (\w+)/(\w+)\.sql", manifest, re.MULTILINE)


def render(dsn: str) -> str:
    """The whole reference of the database at `dsn`."""
    order = order_of((README.parent / "install.sql").read_text(encoding="utf-8"))
    with psycopg.connect(dsn) as connection:
        functions = connection.cursor(row_factory=class_row(Function)).execute(FUNCTIONS)
        by_name = {function.name: function for function in functions}
        relations = connection.cursor(row_factory=class_row(Relation)).execute(RELATIONS).fetchall()
    parts = [
        "<!-- GENERATED by ops/dev/generate_reference.py; the text before the functions is in"
        " ops/dev/reference_intro.md -->\n",
        INTRO.read_text(encoding="utf-8"),
    ]
    for directory, title in GROUPS.items():
        names = [name for place, name in order if place == directory and name in by_name]
        parts.append(f"## {title}\n")
        parts += [by_name[name].markdown() for name in names]
    for title, is_view in (("Result types", False), ("Views", True)):
        parts.append(f"## {title}\n")
        parts += [relation.markdown() for relation in relations if relation.is_view == is_view]
    return "\n".join(parts)


def main() -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Write procedures/README.md.")
    parser.add_argument("--check", action="store_true", help="only compare")
    options = parser.parse_args()
    with head_database() as (dsn, _):
        return settle(README, render(dsn), options.check)


if __name__ == "__main__":
    sys.exit(main())
