"""The HTML report is whole, escaped and needs no other file."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
from PIL import Image

from mmseg_weak.visualization.report import ReportEntry, report_html

VOID = {'meta', 'img', 'br'}


class Checker(HTMLParser):
    """Collects attributes and text and checks that tags are closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.sources, self.links, self.ids, self.text = [], [], [], [], ''

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.sources += [attrs[key] for key in ('src', 'srcset') if key in attrs]
        self.links += [attrs['href']] if 'href' in attrs else []
        self.ids += [attrs['id']] if 'id' in attrs else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def make_page():
    rng = np.random.default_rng(0)
    panels = rng.integers(0, 255, (2, 8, 9, 3), dtype=np.uint8)
    entries = [
        ReportEntry('a<b', panels[0], {'IoU': 50.0, 'clicks': 100.0}),
        ReportEntry('c', panels[1], {'IoU': 25.0, 'clicks': float('nan')}),
    ]
    classes, palette = ('sky & sea', 'cat'), ((1, 2, 3), (4, 5, 6))
    page = report_html('run <1>', {'config': 'x.py'}, classes, palette, entries, 'notes')
    return page, panels


def test_page_is_well_formed_and_self_contained():
    page, panels = make_page()
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    assert checker.links == [f'#{name}' for name in checker.ids] == ['#a<b', '#c']
    assert 'http' not in page.replace('http-equiv', '')
    assert len(checker.sources) == 2
    for source, panel in zip(checker.sources, panels):
        head, data = source.split(',')
        assert head == 'data:image/png;base64'
        image = Image.open(io.BytesIO(base64.b64decode(data)))
        np.testing.assert_array_equal(np.asarray(image), panel)


def test_page_tells_what_was_run_and_the_scores():
    page, _ = make_page()
    checker = Checker()
    checker.feed(page)
    for text in ('run <1>', 'config', 'x.py', 'sky & sea', 'cat', 'a<b', 'notes'):
        assert text in checker.text
    assert 'rgb(4,5,6)' in page
    means = re.search(r'mean of 2 images.*?</tr>', page, re.S).group()
    assert re.findall(r'[\d.]+(?=</td>)', means) == ['37.5', '100.0']
    assert '–' in page


def test_page_without_images_or_scores():
    page = report_html('t', {}, ('a',), ((0, 0, 0),), [])
    checker = Checker()
    checker.feed(page)
    assert checker.open == [] and checker.sources == []
