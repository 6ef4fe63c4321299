"""Freeze what changed in procedures/ into a revision.

    python -m migrations.freeze "expand reserve lines"   a new revision, NNNN_expand_reserve_lines
    python -m migrations.freeze --update                 the newest revision again, until released
    python -m migrations.freeze --check                  status 1 if procedures/ is not yet frozen

procedures/ is the living code. A revision must install for ever what it installed on its first
day, so it carries copies: `functions.sql` holds the whole text of each file that changed, and
`functions_down.sql` puts the text before it back. Changes of tables and of result types are
written by hand beside them (README.md).
"""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

ID_LENGTH = 32  # of a revision: the width of alembic_version.version_num
FILE_MARK = "-- file: "
END_MARK = "-- end of files"
PREFIX = "procedures/"
HEAD = """\
-- Frozen from procedures/ by migrations/freeze.py. Never edited: a database that runs this
-- revision in ten years gets what the first one got.

set local lock_timeout = '3s';
set local search_path = pg_catalog, pg_temp;
set local role seckill_owner;
"""
TAIL = f"""
{END_MARK}

reset role;
"""
OBJECT = re.compile(
    r"^\s*create\s+(?:or\s+replace\s+)?(function|procedure|view)\s+([a-z0-9_]+\.[a-z0-9_]+)",
    re.MULTILINE,
)


class FreezeError(Exception):
    """The tree cannot be frozen as it is; the message says why."""


@dataclass(slots=True)
class Change:
    """What a revision does to the functions: file names in the order of install.sql."""

    texts: dict[str, str] = field(default_factory=dict[str, str])  # new and changed files
    before: dict[str, str] = field(default_factory=dict[str, str])  # the changed and removed ones
    removed: list[str] = field(default_factory=list[str])

    def __bool__(self) -> bool:
        return bool(self.texts or self.removed)


def living_files(procedures: Path) -> dict[str, str]:
    """The files that install.sql lists, in its order, with their text; FreezeError on a gap."""
    manifest = (procedures / "install.sql").read_text(encoding="utf-8")
    names = re.findall(r"^\\ir\s+(\S+)\s*$", manifest, re.MULTILINE)
    on_disk = {path.relative_to(procedures).as_posix() for path in procedures.rglob("*.sql")}
    astray = on_disk.symmetric_difference([*names, "install.sql"])
    if astray or len(names) != len(set(names)):
        twice = {name for name in names if names.count(name) > 1}
        raise FreezeError(f"install.sql must list each file once: {sorted(astray | twice)}")
    return {
        PREFIX + name: (procedures / name).read_text(encoding="utf-8").rstrip("\n") + "\n"
        for name in names
    }


def frozen_texts(functions_sql: str) -> dict[str, str | None]:
    """The files inside a frozen functions.sql; None for one that the revision removes."""
    texts: dict[str, str | None] = {}
    body = functions_sql.split(f"\n{END_MARK}\n")[0]
    for section in body.split(f"\n{FILE_MARK}")[1:]:
        name, _, text = section.partition("\n")
        name, _, note = name.partition(" ")
        texts[name] = None if note == "(removed)" else text.rstrip("\n") + "\n"
    return texts


def frozen_state(sql_dir: Path, before: str | None = None) -> dict[str, str]:
    """The newest frozen text of every file, up to the revision `before` (excluded)."""
    state: dict[str, str] = {}
    for path in sorted(sql_dir.glob("*/functions.sql")):
        if before is not None and path.parent.name >= before:
            break
        for name, text in frozen_texts(path.read_text(encoding="utf-8")).items():
            if text is None:
                state.pop(name, None)
            else:
                state[name] = text
    return state


def compare(living: dict[str, str], frozen: dict[str, str]) -> Change:
    """What leads from the frozen state to the living one."""
    change = Change()
    for name, text in living.items():
        if frozen.get(name) != text:
            change.texts[name] = text
            if name in frozen:
                change.before[name] = frozen[name]
    for name, text in frozen.items():
        if name not in living:
            change.removed.append(name)
            change.before[name] = text
    return change


def drops(text: str, *, only_views: bool = False) -> str:
    """Statements that drop what the text creates. There are no overloads, so a name is enough."""
    return "".join(
        f"drop {kind} if exists {name};\n"
        for kind, name in reversed(OBJECT.findall(text))
        if kind == "view" or not only_views
    )


def render_up(change: Change) -> str:
    """The text of functions.sql."""
    parts = [f"\n{FILE_MARK}{name}\n{text}" for name, text in change.texts.items()]
    parts += [
        f"\n{FILE_MARK}{name} (removed)\n{drops(change.before[name])}"
        for name in reversed(change.removed)
    ]
    return HEAD + "".join(parts) + TAIL


def render_down(change: Change) -> str:
    """The text of functions_down.sql: new objects go, in reverse; then what was there comes back.

    A view is dropped before its former text: `create or replace` cannot take a column away.
    """
    parts: list[str] = []
    for name, text in reversed(change.texts.items()):
        statements = drops(text, only_views=name in change.before)
        if statements:
            parts.append(f"\n{FILE_MARK}{name} (dropped)\n{statements}")
    parts += [f"\n{FILE_MARK}{name}\n{text}" for name, text in change.before.items()]
    return HEAD + "".join(parts) + TAIL


def slug(message: str) -> str:
    """`Expand: reserve lines` as `expand_reserve_lines`."""
    return re.sub(r"[^a-z0-9]+", "_", message.lower()).strip("_")


@dataclass(frozen=True, slots=True)
class Tree:
    """A checkout: the directory that holds procedures/ and migrations/."""

    root: Path

    @property
    def sql_dir(self) -> Path:
        return self.root / "migrations" / "sql"

    def config(self) -> Config:
        """Alembic's configuration, without alembic.ini and without a database."""
        config = Config()
        location = str(self.root / "migrations").replace("%", "%%")
        config.set_main_option("script_location", location)
        config.set_main_option("file_template", "%%(rev)s")
        return config

    def head(self) -> str | None:
        """The newest revision, or None in a tree that has none."""
        return ScriptDirectory.from_config(self.config()).get_current_head()

    def change_since(self, before: str | None) -> Change:
        """What differs between procedures/ and the revisions before `before` (None: all)."""
        return compare(living_files(self.root / "procedures"), frozen_state(self.sql_dir, before))

    def write(self, revision: str, change: Change) -> list[Path]:
        """Write the two frozen files of a revision; the paths written."""
        directory = self.sql_dir / revision
        directory.mkdir(parents=True, exist_ok=True)
        written: list[Path] = []
        for name, text in (
            ("functions.sql", render_up(change)),
            ("functions_down.sql", render_down(change)),
        ):
            path = directory / name
            path.write_text(text, encoding="utf-8", newline="\n")
            written.append(path)
        return written

    def freeze(self, message: str) -> list[Path]:
        """Make the next revision from what changed; the paths written."""
        head = self.head()
        number = int(head.split("_")[0]) + 1 if head else 1
        revision = f"{number:04d}_{slug(message)}"
        if len(revision) > ID_LENGTH:
            raise FreezeError(f"{revision} is longer than {ID_LENGTH} characters")
        change = self.change_since(None)
        if not change:
            raise FreezeError("nothing changed in procedures/ since the newest revision")
        written = self.write(revision, change)
        command.revision(self.config(), message=message, rev_id=revision)
        return [*written, self.root / "migrations" / "versions" / f"{revision}.py"]

    def update(self) -> list[Path]:
        """Freeze the newest revision again; only for one that nobody has installed yet."""
        head = self.head()
        if head is None:
            raise FreezeError("there is no revision to update")
        return self.write(head, self.change_since(head))


def main(argv: list[str] | None = None, root: Path | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m migrations.freeze", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("message", nargs="?", help="names the revision, such as 'expand refunds'")
    parser.add_argument("--update", action="store_true", help="freeze the newest revision again")
    parser.add_argument("--check", action="store_true", help="only say whether anything changed")
    options = parser.parse_args(argv)
    if [bool(options.message), options.update, options.check].count(True) != 1:
        parser.error("give a message, --update or --check")
    tree = Tree(root or Path(__file__).resolve().parents[1])
    try:
        if options.check:
            change = tree.change_since(None)
            for name in [*change.texts, *change.removed]:
                print(f"not frozen: {name}", file=sys.stderr)
            return 1 if change else 0
        written = tree.update() if options.update else tree.freeze(options.message)
    except FreezeError as error:
        print(f"freeze: {error}", file=sys.stderr)
        return 1
    for path in written:
        print(path.relative_to(tree.root))
    return 0


if __name__ == "__main__":
    sys.exit(main())
