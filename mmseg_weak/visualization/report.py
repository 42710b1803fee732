"""One HTML file with pictures inside: it can be mailed, archived, opened offline."""

import base64
import html
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1500px;
       padding: 0 1rem; color: #222; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .4rem; }
table { border-collapse: collapse; margin: .5rem 0 1rem; }
th, td { padding: .2rem .8rem; text-align: left; border-bottom: 1px solid #ddd; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
.swatch { display: inline-block; width: 1em; height: 1em; margin: 0 .4em 0 0;
          vertical-align: -.15em; border: 1px solid #333; }
.legend span.name { margin-right: 1.2em; white-space: nowrap; }
img { max-width: 100%; height: auto; }
"""


@dataclass
class ReportEntry:
    """One image of a report.

    Attributes:
        name (str): Image id.
        panel (np.ndarray): (H, W, 3) uint8 RGB picture.
        scores (dict): Name of a number to its value, as text or in percent.
    """

    name: str
    panel: np.ndarray
    scores: Mapping[str, float] = field(default_factory=dict)


def report_html(
    title: str,
    facts: Mapping[str, str],
    classes: Sequence[str],
    palette: Sequence[Sequence[int]],
    entries: Sequence[ReportEntry],
    notes: str = '',
) -> str:
    """Build the page; every text is escaped, every picture embedded.

    Args:
        title (str): Heading.
        facts (Mapping[str, str]): What was run: config, checkpoint and so on.
        classes (Sequence[str]): Class names.
        palette (Sequence): Their colours, 0 to 255.
        entries (Sequence[ReportEntry]): The images. Scores are percentages; one missing
            or NaN in an image is left out of the mean.
        notes (str): What the scores mean.

    Returns:
        str: A complete HTML document.
    """
    columns = list(dict.fromkeys(key for entry in entries for key in entry.scores))
    rows = [
        (f'<a href="#{_anchor(e.name)}">{_text(e.name)}</a>', e.scores) for e in entries
    ]
    means = {key: _mean([e.scores.get(key, np.nan) for e in entries]) for key in columns}
    rows.append((f'<b>mean of {len(entries)} images</b>', means))
    facts_rows = ''.join(
        f'<tr><th>{_text(k)}</th><td>{_text(v)}</td></tr>' for k, v in facts.items()
    )
    pictures = '\n'.join(
        f'<h2 id="{_anchor(entry.name)}">{_text(entry.name)}</h2>\n'
        f'<p>{_text(_sentence(entry.scores))}</p>\n'
        f'<img alt="{_text(entry.name)}" src="{embedded_png(entry.panel)}">'
        for entry in entries
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<title>{_text(title)}</title><style>{STYLE}</style></head>\n<body>\n'
        f'<h1>{_text(title)}</h1>\n<table>{facts_rows}</table>\n'
        f'{_legend(classes, palette)}\n{_scores_table(columns, rows)}\n'
        f'<p>{_text(notes)}</p>\n{pictures}\n'
        '</body></html>\n'
    )


def embedded_png(image: np.ndarray) -> str:
    """A picture as a ``data:`` address."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format='PNG', optimize=True)
    return 'data:image/png;base64,' + base64.b64encode(buffer.getvalue()).decode()


def _legend(classes: Sequence[str], palette: Sequence[Sequence[int]]) -> str:
    parts = (
        '<span class="name"><span class="swatch" style="background:rgb('
        f'{",".join(str(int(c)) for c in colour)})"></span>{_text(name)}</span>'
        for name, colour in zip(classes, palette)
    )
    return f'<p class="legend">{"".join(parts)}</p>'


def _scores_table(
    columns: Sequence[str], rows: Sequence[tuple[str, Mapping[str, float]]]
) -> str:
    if not columns:
        return ''
    head = ''.join(f'<th class="number">{_text(column)}</th>' for column in columns)
    body = ''.join(
        f'<tr><td>{name}</td>'
        + ''.join(f'<td class="number">{_percent(scores.get(c))}</td>' for c in columns)
        + '</tr>\n'
        for name, scores in rows
    )
    return f'<table><tr><th>image</th>{head}</tr>\n{body}</table>'


def _sentence(scores: Mapping[str, float]) -> str:
    return ' · '.join(f'{name} {_percent(value)}' for name, value in scores.items())


def _percent(value: float | None) -> str:
    return '–' if value is None or np.isnan(value) else f'{value:.1f}'


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float('nan')


def _anchor(name: str) -> str:
    return _text(name.replace(' ', '_'))


def _text(text: str) -> str:
    return html.escape(str(text))
