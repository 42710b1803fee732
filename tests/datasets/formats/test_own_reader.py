"""A reader of a user's own, and the tables of docs/formats.md."""

import json

import pytest
from toy import REPOSITORY

from mmseg_weak.datasets.formats import Format, read_annotations, write_annotations
from mmseg_weak.registry import READERS, WRITERS
from mmseg_weak.tables import markdown_table

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


class Dots(Format):
    """The reader of docs/extending.md."""

    title = 'Dots JSON'

    @staticmethod
    def sniff(source):
        """A key that no other format has."""
        return 'dots_of' in source.json_object

    @staticmethod
    def read(source, out, options):
        """Every dot."""
        out.image(source.json['dots_of'], once=True)
        for position, (x, y, label) in enumerate(source.json['dots']):
            out.where = f'dot {position}'
            out.click(x, y, label)


@pytest.fixture
def dots():
    """The reader, registered for one test."""
    READERS.register_module('dots', module=Dots)
    yield
    del READERS.module_dict['dots']


@pytest.mark.parametrize(
    'dot, message',
    [
        ([1], r"image 'a', dot 0: not the layout of Dots JSON|Dots JSON"),
        ([1, None, 'cat'], r"image 'a\.jpg', dot 0: y must be a number, got None"),
        ([1, 2, {}], r"image 'a\.jpg', dot 0: no class"),
    ],
)
def test_mistakes_in_files_of_an_own_reader(tmp_path, dots, dot, message):
    path = tmp_path / 'a.json'
    path.write_text(json.dumps(dict(dots_of='a.jpg', dots=[dot])))
    with pytest.raises(ValueError, match=message):
        read_annotations(path)


def test_own_reader_is_found_by_content(tmp_path, dots):
    path = tmp_path / 'a.json'
    path.write_text(json.dumps(dict(dots_of='a.jpg', dots=[[1, 2, 'cat']])))
    found = read_annotations(path)
    assert found.format == 'dots'
    assert [(m.image, m.x, m.y, m.label) for m in found.marks('points')] == [
        ('a.jpg', 1, 2, 'cat')
    ]
    with pytest.raises(ValueError, match="'dots' cannot be written"):
        write_annotations(tmp_path / 'b.json', found, 'dots')


def test_documentation_lists_what_is_registered():
    page = (REPOSITORY / 'docs/formats.md').read_text()
    assert format_table() in page
    assert mask_table() in page


def test_documentation_shows_this_reader():
    page = (REPOSITORY / 'docs/extending.md').read_text()
    for line in ("return 'dots_of' in source.json_object", 'out.click(x, y, label)'):
        assert line in page
