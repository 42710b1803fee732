"""Click tables on disk hold what the source holds, whatever its size and order."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from golden import GOLDEN
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmseg_weak.datasets.click_store import ClickStore
from mmseg_weak.datasets.formats import ReadOptions, blocks, read_annotations
from mmseg_weak.datasets.formats import table_conversion as conversion
from mmseg_weak.datasets.formats.collector import Collector
from mmseg_weak.datasets.formats.conversion import convert
from mmseg_weak.datasets.formats.reading import read_into
from mmseg_weak.datasets.formats.source import Source
from mmseg_weak.datasets.name_list import NameList

FRACTIONS = ReadOptions(fractions=True)
HEADER = {
    'open-images': 'ImageId,X,Y,Label,EstimatedYesNo,Source,TextLabel',
    'clicks-csv': 'image,x,y,class,rank,no,remark',
}
SCRIPT = """
import os, sys
from mmseg_weak.datasets.formats import blocks, table_conversion
from mmseg_weak.datasets.formats.conversion import convert
blocks.BLOCK_BYTES, table_conversion.SHARD_BYTES, table_conversion.SAVE_EVERY = 200, 1500, 2
calls, kill_at, parts = [0], int(sys.argv[3]), table_conversion.read_block
def killed(*arguments):
    calls[0] += 1
    if calls[0] == kill_at:
        os._exit(9)
    parts(*arguments)
table_conversion.read_block = killed
convert(sys.argv[1], 'click-table', sys.argv[2])
print(calls[0])
"""


def write_csv(path, kind, rows=300, seed=0):
    """Lines of images in any order."""
    rng, lines = np.random.default_rng(seed), [HEADER[kind]]
    for _ in range(rows):
        image, name = f'{rng.integers(40):05x}', rng.choice(['cat', 'dog', 'red panda'])
        x, y = (f'{value:.6f}' for value in rng.random(2))
        if kind == 'open-images':
            answer = rng.choice(['yes', 'no', 'unsure'])
            lines.append(f'{image},{x},{y},{name},{answer},cc,')
        else:
            rank = rng.choice(['', '1', '7'])
            lines.append(f'd/{image}.jpg,{x},{y},{name},{rank},{rng.choice(["", 0, 1])},')
    path.write_text('\n'.join(lines) + '\n')
    return path


def by_line(path, kind):
    """What reading line by line gives, the definition of what a file holds."""
    out, source = Collector(), Source(path)
    read_into(out, kind, source, FRACTIONS)
    return out.finish(str(path), kind)


def by_image(found) -> dict[str, list]:
    """All columns of the marks of each image, in order."""
    marks = {name: [] for name in found.clicks.images}
    clicks, names = found.clicks, found.names()
    for i in range(len(clicks)):
        points = clicks.points[clicks.start[i] : clicks.start[i + 1]].tolist()
        row = (points, names[clicks.label[i]], clicks.rank[i], clicks.negative[i])
        marks[clicks.images[clicks.image_index[i]]].append(row)
    return marks


def small_parts(patch):
    """Blocks and shards so small that a short file has many."""
    patch.setattr(blocks, 'BLOCK_BYTES', 1000)
    patch.setattr(conversion, 'SHARD_BYTES', 1500)


@pytest.mark.parametrize('kind', HEADER)
def test_a_converted_table_equals_reading_by_line(kind, tmp_path, monkeypatch):
    path, out = write_csv(tmp_path / 'points.csv', kind), tmp_path / 'table'
    expected = by_line(path, kind)
    small_parts(monkeypatch)
    report = convert(path, 'click-table', out)
    assert len(ClickStore(out).shards) > 5
    found = read_annotations(out, options=FRACTIONS)
    assert by_image(found) == by_image(expected)
    assert found.left_out == expected.left_out and found.notes == expected.notes
    assert report.splitlines()[1:-1] == expected.report().splitlines()[1:]
    assert sorted(tmp_path.iterdir()) == [path, out]


@pytest.mark.parametrize('kind', HEADER)
def test_reading_by_column_equals_reading_by_line(kind, tmp_path, monkeypatch):
    path = write_csv(tmp_path / 'points.csv', kind)
    lines = path.read_text().splitlines()
    lines[50] = f' "{lines[50].replace(",", "", 0)}'.replace(',', '",', 1)  # quoted, spaces
    lines.insert(100, '')
    path.write_text('\r\n'.join(lines))
    monkeypatch.setattr(blocks, 'BLOCK_BYTES', 1000)
    found, expected = read_annotations(path, options=FRACTIONS), by_line(path, kind)
    for name in ('images', 'image_index', 'points', 'start', 'label', 'rank', 'negative'):
        ours, right = (getattr(x.clicks, name) for x in (found, expected))
        np.testing.assert_array_equal(ours, right)
    for name in ('classes', 'first', 'left_out', 'notes'):
        assert getattr(found, name) == getattr(expected, name)


@pytest.mark.parametrize(
    ('kind', 'cell', 'bad'),
    [
        ('open-images', 1, '1.5'),
        ('open-images', 2, 'nan'),
        ('open-images', 4, 'maybe'),
        ('clicks-csv', 1, '1,5'),
        ('clicks-csv', 4, '0'),
        ('clicks-csv', 0, ''),
        ('clicks-csv', 3, '"cat'),
        ('clicks-csv', 5, '2'),
    ],
)
def test_the_message_names_the_line_of_the_file(kind, cell, bad, tmp_path, monkeypatch):
    path = write_csv(tmp_path / 'points.csv', kind)
    lines = path.read_text().splitlines()
    cells = lines[200].split(',')
    cells[cell] = bad
    lines[200] = ','.join(cells)
    path.write_text('\n'.join(lines))
    with pytest.raises(ValueError, match='line 201') as expected:
        by_line(path, kind)
    small_parts(monkeypatch)
    with pytest.raises(ValueError, match='line 201') as error:
        convert(path, 'click-table', tmp_path / 'table')
    if cell != 3:  # how far an open quote reaches depends on what is read
        assert str(error.value) == str(expected.value)
    assert not (tmp_path / 'table').exists()


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    images=st.lists(st.sampled_from('abcdefgh'), min_size=1, max_size=40),
    wanted=st.lists(st.sampled_from('abcdefghxyz'), max_size=12),
    shards=st.integers(1, 5),
)
def test_any_images_are_found_and_grouped(images, wanted, shards, tmp_path_factory):
    folder = tmp_path_factory.mktemp('grouping')
    path = folder / 'points.csv'
    lines = [f'{image},{i},{i / 4},{image}' for i, image in enumerate(images)]
    path.write_text('\n'.join(['image,x,y,class', *lines]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conversion, 'SHARD_BYTES', path.stat().st_size // shards + 1)
        convert(path, 'click-table', folder / 'table')
    store = ClickStore(folder / 'table')
    positions = store.find(NameList.of(wanted))
    assert [p >= 0 for p in positions] == [name in images for name in wanted]
    table = store.take(positions, [f'{i} {name}' for i, name in enumerate(wanted)])
    expected = [
        (i, row, row / 4, image)
        for i, name in enumerate(wanted)
        for row, image in enumerate(images)
        if image == name
    ]
    names = [store.index.classes[label] for label in table.label]
    found = zip(table.image_index.tolist(), *table.points.T.tolist(), names)
    assert list(found) == expected
    shutil.rmtree(folder)


def test_a_killed_conversion_goes_on(tmp_path):
    path = write_csv(tmp_path / 'points.csv', 'open-images')
    whole, out = tmp_path / 'whole', tmp_path / 'table'

    def run(out, kill_at):
        command = [sys.executable, '-W', 'ignore', '-c', SCRIPT, path, out, str(kill_at)]
        return subprocess.run(command, capture_output=True, text=True, timeout=300)

    number = int(run(whole, 0).stdout.split()[-1])
    assert run(out, number // 2).returncode == 9
    assert not out.exists() and (tmp_path / '.table.partial').is_dir()
    rest = int(run(out, 0).stdout.split()[-1])
    assert number // 2 - 2 <= number - rest < number // 2
    names = sorted(p.relative_to(whole) for p in whole.rglob('*.*'))
    assert names == sorted(p.relative_to(out) for p in out.rglob('*.*'))
    assert all((whole / n).read_bytes() == (out / n).read_bytes() for n in names)


def test_files_cut_short_by_a_crash_begin_anew(tmp_path, monkeypatch):
    small_parts(monkeypatch)
    monkeypatch.setattr(conversion, 'SAVE_EVERY', 1)
    path, out = write_csv(tmp_path / 'points.csv', 'clicks-csv'), tmp_path / 'table'
    calls, read = [], conversion.read_block

    def stopped(*arguments):
        if len(calls) == 3:
            raise KeyboardInterrupt
        calls.append(read(*arguments))

    with monkeypatch.context() as patch:
        patch.setattr(conversion, 'read_block', stopped)
        with pytest.raises(KeyboardInterrupt):
            convert(path, 'click-table', out)
    files = list((tmp_path / '.table.partial').glob('*.rows'))
    assert any(file.stat().st_size for file in files)
    for file in files:
        file.write_bytes(b'')
    convert(path, 'click-table', out)
    assert by_image(read_annotations(out)) == by_image(by_line(path, 'clicks-csv'))


def test_another_source_begins_anew(tmp_path, monkeypatch):
    small_parts(monkeypatch)
    monkeypatch.setattr(conversion, 'SAVE_EVERY', 1)
    path, out = write_csv(tmp_path / 'points.csv', 'clicks-csv'), tmp_path / 'table'
    path.write_text(path.read_text() + 'a,x,1,cat,,,\n')
    with pytest.raises(ValueError, match=r'line 302: x must be a number'):
        convert(path, 'click-table', out)
    write_csv(path, 'clicks-csv', rows=20, seed=1)
    convert(path, 'click-table', out)
    assert by_image(read_annotations(out)) == by_image(by_line(path, 'clicks-csv'))
    convert(path, 'click-table', out, only=['cat'], as_class='animal', overwrite=True)
    assert set(read_annotations(out).names()) == {'animal'}
    with pytest.raises(ValueError, match=r"no class 'cow', there are "):
        convert(path, 'click-table', out, only=['cow'], overwrite=True)
    with pytest.raises(ValueError, match='a click table needs no --images'):
        convert(path, 'click-table', tmp_path / 'b', ReadOptions(images='photos'))


def break_json(folder, **changes):
    content = json.loads((folder / 'table.json').read_text())
    (folder / 'table.json').write_text(json.dumps({**content, **changes}))


BROKEN = {
    'truncated column': lambda f: (f / '0000/points.npy').write_bytes(b'\x93NUMPY'),
    'cut column': lambda f: (f / '0001/points.npy').write_bytes(
        (f / '0001/points.npy').read_bytes()[:-8]
    ),
    'absent column': lambda f: (f / '0001/label.npy').unlink(),
    'absent shard': lambda f: shutil.rmtree(f / '0001'),
    'other type': lambda f: np.save(f / '0001/rank.npy', np.zeros(2)),
    'other length': lambda f: np.save(f / '0001/rank.npy', np.zeros(9, np.int32)),
    'marks beyond the end': lambda f: np.save(
        f / '0001/mark_start.npy', np.array([0, 0, 99])[: -1 - (f.name == 'x')]
    ),
    'other version': lambda f: break_json(f, version=2),
    'other key': lambda f: break_json(f, colour=1),
    'other unit': lambda f: break_json(f, unit='feet'),
    'negative size': lambda f: break_json(f, shards=[[-1, 0, 0]]),
}


@pytest.mark.parametrize('how', BROKEN)
def test_a_broken_table_ends_in_one_line(how, tmp_path):
    GOLDEN['click-table'].write(tmp_path)
    BROKEN[how](tmp_path)
    with pytest.raises(ValueError, match='convert its source again') as error:
        read_annotations(tmp_path)
    assert str(tmp_path) in str(error.value) and '\n' not in str(error.value)


def test_fractions_need_the_images(tmp_path):
    path = write_csv(tmp_path / 'points.csv', 'open-images')
    convert(path, 'click-table', tmp_path / 'table')
    with pytest.raises(ValueError, match='say where the images are'):
        read_annotations(tmp_path / 'table')
