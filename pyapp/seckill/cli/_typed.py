"""The words of a person for the parameters of a function: ``--starts`` for ``p_starts_at``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import typer

# Where an option or argument is named otherwise than the parameter that it becomes.
_OTHER_NAMES = {
    "activity_id": "where",
    "ends_at": "ends",
    "expected_total": "expected",
    "hold_seconds": "hold",
    "quantities": "line",
    "skus": "line",
    "slots": "number",
    "starts_at": "starts",
    "subjects": "subject",
}
_line: list[tuple[typer.Typer, Sequence[str]]] = []


def remember(app: typer.Typer, arguments: Sequence[str]) -> None:
    """Keep the command line that is run, for :func:`as_typed`."""
    _line[:] = [(app, arguments)]


def as_typed(text: str) -> str:
    """A message with the names of options in place of those of parameters (``p_…``)."""
    if not _line or "p_" not in text:
        return text
    app, arguments = _line[0]
    words = _words(typer.main.get_command(app), arguments)

    def word(found: re.Match[str]) -> str:
        name = found[1]
        return words.get(name) or words.get(_OTHER_NAMES.get(name, "")) or name.replace("_", " ")

    return re.sub(r"\bp_([a-z_]+)", word, text)


def _words(command: Any, arguments: Sequence[str]) -> dict[str, str]:
    """Each parameter of the command that is meant, as it is typed."""
    for argument in arguments:
        command = getattr(command, "commands", {}).get(argument, command)
    words: dict[str, str] = {}
    for parameter in command.params:
        options = [name for name in parameter.opts if name.startswith("--")]
        words[parameter.name] = options[0] if options else parameter.metavar or parameter.name
    return words
