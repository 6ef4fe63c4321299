"""The result as one self-contained HTML page with bars; it loads nothing."""

from __future__ import annotations

from html import escape

from seckill.bench.ratios import Ratio
from seckill.bench.report import (
    ARRIVALS,
    ARRIVALS_HEADS,
    about,
    arrivals,
    number,
    table_size,
    words,
)
from seckill.bench.run import Report

_WIDTH, _HEIGHT, _BAR = 640, 34, 16
_CSS = """
:root { --ink: #1d2433; --paper: #fff; --soft: #6b7488; --track: #eceff5; --aim: #12805c;
  --bar: #3c9d6d; --missed: #d1553f; --none: #6f86c9; --line: #1d2433; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ebf2; --paper: #14171f; --soft: #98a1b6; --track: #262b38; --line: #e8ebf2; } }
body { margin: 0 auto; max-width: 46rem; padding: 2rem 1rem 4rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2.2rem 0 .3rem; }
p, figcaption small { color: var(--soft); } figure { margin: 1rem 0; }
figcaption { display: flex; justify-content: space-between; gap: 1rem; }
figcaption b { font-variant-numeric: tabular-nums; white-space: nowrap; }
svg { width: 100%; height: auto; display: block; }
.track { fill: var(--track); } .aim { fill: var(--aim); } .bar { fill: var(--bar); }
.missed { fill: var(--missed); } .none { fill: var(--none); }
.mark, .spread { stroke: var(--line); stroke-width: 1.5; } .goal { stroke-dasharray: 3 3; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem; text-align: right; border-bottom: 1px solid var(--track); }
th { color: var(--soft); font-weight: normal; font-size: .85rem; }
text { font: 10px system-ui, sans-serif; fill: var(--soft); }
"""


def _figure(ratio: Ratio) -> str:
    """One ratio: its bar, the spread of its rounds, and marks at what is asked."""
    asked = ratio.wanted
    far = max(ratio.high, asked.bar or 0.0, asked.aim or 0.0, 1.0 if asked.bar is None else 0.0)
    scale = (_WIDTH - 40) / (far * 1.05)
    middle = _BAR / 2
    low, high = ratio.low * scale, ratio.high * scale
    parts = [
        f'<rect class="track" width="{_WIDTH}" height="{_BAR}" rx="3"/>',
        f'<rect class="{ratio.verdict or "none"}" width="{ratio.value * scale:.1f}" '
        f'height="{_BAR}" rx="3"/>',
        f'<line class="spread" x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}"/>',
    ]
    # What has no bar is shown beside its peer, which is 1.
    word = "at most " if asked.at_most else "at least "
    marks = ((asked.bar, word, "mark"), (asked.aim, "aim ", "mark goal"))
    for at, name, kind in marks if asked.bar is not None else ((1.0, "the peer: ", "mark goal"),):
        if at is not None:
            x = at * scale
            parts.append(
                f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="-2" y2="{_BAR + 4}"/>'
            )
            parts.append(
                f'<text x="{x:.1f}" y="{_HEIGHT - 3}" text-anchor="middle">{name}{at:g}</text>'
            )
    title = escape(asked.what)
    return (
        f"<figure><figcaption><span>{title}</span><b>{number(ratio.value)} "
        f"<small>{escape(words(ratio))}</small></b></figcaption>"
        f'<svg viewBox="-20 -4 {_WIDTH} {_HEIGHT + 4}" role="img" aria-label="{title}: '
        f'{number(ratio.value)}">{"".join(parts)}</svg></figure>'
    )


def _table(rows: list[tuple[str, ...]]) -> str:
    lines = [[f"<th>{escape(name)}</th>" for name in ARRIVALS_HEADS]]
    lines += [[f"<td>{escape(cell)}</td>" for cell in row] for row in rows]
    return "<table>" + "".join(f"<tr>{''.join(line)}</tr>" for line in lines) + "</table>"


def page(report: Report) -> str:
    """The whole page."""
    asked = [ratio for ratio in report.ratios if ratio.wanted.bar is not None]
    others = [ratio for ratio in report.ratios if ratio.wanted.bar is None]
    size = table_size(report)
    body = [
        "<h1>How fast, beside its peers</h1>",
        f"<p>{escape(about(report))} A bar is the median; the thin line in it goes from the "
        "lowest round to the highest.</p>",
    ]
    for title, some in (("What is asked of it", asked), ("The rest", others)):
        if some:
            body += [f"<h2>{title}</h2>", *map(_figure, some)]
    rows = arrivals(report)
    if rows:
        body += [f"<h2>{escape(ARRIVALS)}</h2>", _table(rows)]
    if size:
        body += ["<h2>The hot row's table</h2>", f"<p>{escape(size)}</p>"]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>seckill bench</title><style>{_CSS}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )
