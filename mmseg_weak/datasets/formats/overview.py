"""The table of formats in docs/formats.md, made from what is registered."""

from ...registry import READERS, WRITERS
from ...tables import markdown_table

MARKS = {'points': 'clicks', 'lines': 'scribbles', 'no': '"no" points', 'tags': 'tags'}


def format_table() -> str:
    """Markdown: each format of annotations, what it holds, whether it is written."""
    rows = []
    for name, entry in sorted(READERS.module_dict.items()):
        holds = ', '.join(MARKS[kind] for kind in entry.holds)
        files = 'a folder' if entry.folder else 'a file'
        if entry.per_image:
            files = f'a folder, one `{entry.suffixes[0]}` an image'
        written = 'no' if not hasattr(entry, 'write') else 'yes'
        written = 'yes, whole pixels' if entry.whole_pixels else written
        rows.append((f'`{name}`', entry.title, holds, files, written))
    header = ('name', 'format', 'holds', 'files', 'written')
    return markdown_table(header, rows)


def mask_table() -> str:
    """Markdown: each format that masks are written in."""
    rows = [
        (f'`{name}`', entry.title, 'a folder' if entry.folder else 'a file')
        for name, entry in sorted(WRITERS.module_dict.items())
    ]
    return markdown_table(('name', 'format', 'files'), rows)
