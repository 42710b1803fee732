"""Click tables on disk and the cache beside the list give what plain files give."""

import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
from mmseg.registry import DATASETS
from PIL import Image

from mmseg_weak.datasets import (
    click_dataset,
    click_preparation,
    messages,
    start_cache,
    weak_dataset,
)
from mmseg_weak.datasets.formats import (
    conversion,  # noqa: F401
    table_conversion,
)
from mmseg_weak.datasets.formats.conversion import convert

CLASSES = ('background', 'cat', 'dog', 'red panda')
IMAGES = [f'{"sub/" * (i > 9)}{i:02d}' for i in range(20)]
SCRIPT = """
import sys, json, hashlib, pickle
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS
import mmseg_weak
from mmseg_weak.datasets.click_preparation import Preparation
from mmseg_weak.datasets import image_checks, start_cache
init_default_scope('mmseg')
made, run, read = [], Preparation.run, start_cache.read_headers
Preparation.run = lambda *a: (made.append('clicks'), run(*a))[1]
start_cache.read_headers = lambda *a: (made.append('sizes'), read(*a))[1]
dataset = DATASETS.build(json.loads(sys.argv[1]))
rows = [dataset.get_data_info(i) for i in range(len(dataset))]
text = repr([(r['img_id'], r['clicks'].tolist(), r['click_labels'].tolist()) for r in rows])
print(json.dumps([made, hashlib.sha256(text.encode()).hexdigest(), dataset.click_report]))
"""


@pytest.fixture
def many(tmp_path):
    """Images of several sizes with and without clicks, in CSVs of both kinds."""
    rng = np.random.default_rng(0)
    for i, name in enumerate(IMAGES):
        path = tmp_path / 'images' / f'{name}.jpg'
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (20 + i, 16)).save(path)
    (tmp_path / 'split.txt').write_text('\n'.join([*IMAGES[::-1], '']))
    plain, open_images = (
        ['image,x,y,class,rank,no'],
        ['ImageId,X,Y,Label,EstimatedYesNo,Source,YesVotes,NoVotes,UnsureVotes,TextLabel'],
    )
    for _ in range(400):
        name = rng.choice([*IMAGES[:-3], 'of another list'])
        (x, y), label = rng.random(2), rng.choice(CLASSES[1:])
        rank = rng.choice(['', 1, 2])
        plain.append(
            f'{name},{25 * x:.2f},{16 * y:.2f},{label},{rank},{rng.choice([0, 0, 1])}'
        )
        if name in IMAGES:  # the plain reader opens every image that it names
            answer = rng.choice(['yes', 'no', 'unsure'])
            open_images.append(f'{name},{x:.4f},{y:.4f},{label},{answer},cc,1,1,1,')
    (tmp_path / 'plain.csv').write_text('\n'.join(plain))
    (tmp_path / 'open.csv').write_text('\n'.join(open_images))
    return tmp_path


def settings(root, **changes):
    plain = dict(
        type='ClickDataset',
        data_root=str(root),
        ann_file='split.txt',
        data_prefix=dict(img_path='images'),
        click_file='plain.csv',
        metainfo=dict(classes=CLASSES),
    )
    return plain | changes


def samples(dataset) -> list[dict]:
    return [dataset.get_data_info(i) for i in range(len(dataset))]


def same(one, other, atol=0.0) -> None:
    """Equal reports and samples."""
    assert one.click_report == other.click_report
    for left, right in zip(samples(one), samples(other), strict=True):
        assert left.keys() == right.keys()
        for key, value in left.items():
            if key == 'clicks':
                np.testing.assert_allclose(value, right[key], atol=atol, rtol=0)
            else:
                np.testing.assert_array_equal(value, right[key])
            assert type(value) is type(right[key])


OPTIONS = (
    dict(),
    dict(max_rank=1, drop_unclicked=True),
    dict(clicks_per_class=2, metainfo=dict(classes=('dog', 'cat')), vocabulary=['cat']),
    dict(image_fraction=0.5, click_fraction=0.7, seed=3),
    dict(check_images=False, vocabulary=['cat', 'background']),
)


@pytest.mark.parametrize('options', OPTIONS)
@pytest.mark.parametrize('kind', ['plain', 'open'])
def test_a_table_gives_the_same_samples(kind, options, many, monkeypatch):
    if 'metainfo' in options:
        patch = dict(METAINFO=dict(classes=CLASSES))
        for name, value in patch.items():
            monkeypatch.setattr(click_dataset.ClickDataset, name, value)
    monkeypatch.setattr(table_conversion, 'SHARD_BYTES', 2000)
    monkeypatch.setattr(click_preparation, 'BLOCK_IMAGES', 3)
    convert(many / f'{kind}.csv', 'click-table', many / 'table')
    expected = DATASETS.build(settings(many, click_file=f'{kind}.csv', **options))
    found = DATASETS.build(settings(many, click_file='table', **options))
    if kind == 'plain':
        same(found, expected)
    elif 'check_images' not in options:
        same(found, expected, atol=2e-6)
    else:  # positions become pixels when an image is asked for
        assert not isinstance(found.data_list, list)
        for left, right in zip(samples(found), samples(expected), strict=True):
            np.testing.assert_allclose(left['clicks'], right['clicks'], atol=2e-6)


def test_files_and_tables_together(many):
    convert(many / 'plain.csv', 'click-table', many / 'table')
    twice = DATASETS.build(settings(many, click_file=['plain.csv', 'open.csv']))
    found = DATASETS.build(settings(many, click_file=['table', 'open.csv']))
    for left, right in zip(samples(found), samples(twice), strict=True):
        assert sorted(left['clicks'].tolist()) == sorted(right['clicks'].tolist())
    assert found.click_report['clicks'] == twice.click_report['clicks']
    convert(many / 'open.csv', 'click-table', many / 'fractions')
    with pytest.raises(ValueError, match='can be joined with check_images=True'):
        DATASETS.build(
            settings(many, click_file=['table', 'fractions'], check_images=False)
        )


def test_tables_that_fit_no_image_or_class(many, monkeypatch):
    convert(many / 'plain.csv', 'click-table', many / 'table')
    other = settings(many, click_file='table', metainfo=dict(classes=('cat', 'cow')))
    with pytest.raises(ValueError, match=r'table: .*line \d+ of its source: unknown class'):
        DATASETS.build(other)
    (many / 'list.txt').write_text('x\n')
    Image.new('RGB', (9, 9)).save(many / 'images/x.jpg')
    with pytest.raises(ValueError, match=r'no image has a click in .*table: the ids there'):
        DATASETS.build(dict(settings(many, click_file='table'), ann_file='list.txt'))
    index = json.loads((many / 'table/table.json').read_text())
    index['vocabulary'] = [*CLASSES, 'cow']
    (many / 'table/table.json').write_text(json.dumps(index))
    said = []
    monkeypatch.setattr(messages, 'print_log', lambda text, **kwargs: said.append(text))
    DATASETS.build(settings(many, click_file='table', vocabulary='declared'))
    assert sum("the class 'cow' is declared and not trained" in text for text in said) == 1
    tags = dict(settings(many), type='ImageTagDataset', click_file='table')
    assert sum(len(info['tags']) for info in samples(DATASETS.build(tags))) > 10


def run_at_once(config, number=2) -> list:
    command = [sys.executable, '-W', 'ignore', '-c', SCRIPT, json.dumps(config)]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(number)
    ]
    outputs = [process.communicate(timeout=300)[0] for process in running]
    return [json.loads(output.splitlines()[-1]) for output in outputs]


def test_two_processes_read_once_and_see_the_same(many):
    config = settings(many, cache=True)
    (made, digest, report), (made_other, *other) = run_at_once(config)
    assert sorted(made + made_other) == ['clicks', 'sizes']
    assert [digest, report] == other
    expected = DATASETS.build(settings(many, cache=False))
    same(DATASETS.build(config), expected)
    text = json.loads(json.dumps(expected.click_report))
    assert report == text


def test_the_cache_follows_what_it_is_made_of(many, monkeypatch):
    made = []
    run, read = click_preparation.Preparation.run, start_cache.read_headers
    monkeypatch.setattr(
        click_preparation.Preparation, 'run', lambda *a: (made.append('clicks'), run(*a))[1]
    )
    monkeypatch.setattr(
        start_cache, 'read_headers', lambda p, *a: (made.append(len(p)), read(p, *a))[1]
    )

    def built(**changes):
        made.clear()
        dataset = DATASETS.build(settings(many, cache=True, **changes))
        found = list(made)
        same(dataset, DATASETS.build(settings(many, cache=False, **changes)))
        return found

    assert built() == [20, 'clicks']
    assert built() == []
    assert built(max_rank=1) == ['clicks']
    assert built() == []
    Image.new('RGB', (99, 99)).save(many / 'images/03.jpg')
    assert built() == [1, 'clicks']
    with open(many / 'plain.csv', 'a') as file:
        file.write('\n03,1,1,cat,,')
    assert built() == ['clicks']
    (many / 'split.txt').write_text('03\n04\n05\n')
    assert built() == ['clicks']
    assert built(ann_file='') == [20, 'clicks']
    folder = next((many / '.split.txt.cache').glob('clicks-*'))
    for path in (many / '.split.txt.cache').glob('clicks-*/label.npy'):
        path.write_bytes(path.read_bytes()[:-4])
    assert built() == ['clicks'] and folder.parent.is_dir()
    for path in (many / '.split.txt.cache').glob('sizes-*'):
        path.write_bytes(b'PK')
    assert built() == [3]


def test_unchecked_images_are_not_even_listed(many, monkeypatch):
    config = settings(many, cache=True, check_images=False)
    first = DATASETS.build(config)
    monkeypatch.setattr(weak_dataset, 'list_images', None)
    same(DATASETS.build(config), first)


def test_unchecked_images_may_be_renamed(many):
    config = settings(many, check_images=False, img_suffix=['.jpg', '.png'])
    DATASETS.build(config | dict(cache=True))
    (many / 'images/03.jpg').rename(many / 'images/03.png')
    expected = DATASETS.build(config | dict(cache=False))
    same(DATASETS.build(config | dict(cache=True)), expected)
    assert any(info['img_path'].endswith('03.png') for info in samples(expected))
    with pytest.raises(FileNotFoundError, match='image folder not found'):
        DATASETS.build(config | dict(cache=True, data_prefix={}))


def test_a_folder_of_files_is_read_each_time(many):
    (many / 'tool').mkdir()

    def write(name, x):
        shape = dict(label='cat', points=[[x, 3]], shape_type='point')
        content = dict(version='5.0', imagePath=f'{name}.jpg', shapes=[shape])
        (many / 'tool' / f'{name}.json').write_text(json.dumps(content))

    for name in ('table', '03', '04'):
        write(name, 2)
    config = settings(many, click_file='tool', cache=True)
    DATASETS.build(config)
    write('03', 5)
    expected = DATASETS.build(config | dict(cache=False))
    same(DATASETS.build(config), expected)
    assert any(5 in info['clicks'] for info in samples(expected))


def write_zeros(path):
    np.save(path, np.zeros_like(np.load(path)))


DAMAGE = {
    'label.npy': lambda path: path.write_bytes(b''),
    'ids.npy': lambda path: path.write_bytes(b'PK\3\4'),
    'number.npy': write_zeros,
    'files_start.npy': write_zeros,
    'set.json': lambda path: path.write_text('[]'),
}


@pytest.mark.parametrize('name', DAMAGE)
def test_a_damaged_cache_is_made_anew(name, many):
    config = settings(many, cache=True)
    DATASETS.build(config)
    path = next((many / '.split.txt.cache').glob(f'clicks-*/{name}'))
    whole = path.read_bytes()
    DAMAGE[name](path)
    same(DATASETS.build(config), DATASETS.build(settings(many, cache=False)))
    assert path.read_bytes() == whole


def test_a_cache_of_somebody_else_is_used(many, monkeypatch):
    first = DATASETS.build(settings(many, cache=True))

    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(start_cache.os, 'utime', refuse)
    monkeypatch.setattr(click_preparation.Preparation, 'run', None)
    same(DATASETS.build(settings(many, cache=True)), first)


def test_a_folder_that_cannot_be_written(many, caplog):
    (many / '.split.txt.cache').write_text('in the way')
    dataset = DATASETS.build(settings(many, cache=True))
    same(dataset, DATASETS.build(settings(many, cache=False)))


@pytest.mark.parametrize('cache', [True, False])
def test_long_lists_are_not_held(cache, many, monkeypatch):
    expected = DATASETS.build(settings(many, cache=False))
    monkeypatch.setattr(click_dataset, 'MANY_IMAGES', 1)
    dataset = DATASETS.build(settings(many, cache=cache))
    assert not isinstance(dataset.data_list, list)
    same(dataset, expected)
    same(pickle.loads(pickle.dumps(dataset)), expected)
    assert len(pickle.dumps(dataset)) < 5000 or not cache
    for indices in (3, -2, [7, 1]):
        part, right = dataset.get_subset(indices), expected.get_subset(indices)
        assert [x['img_id'] for x in samples(part)] == [x['img_id'] for x in samples(right)]
