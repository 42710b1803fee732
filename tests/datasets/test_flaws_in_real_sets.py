"""A small part of each real set, and what the start check says when a flaw is put in."""

import shutil

import numpy as np
import pytest
from PIL import Image
from real_part import IMAGES
from test_image_open import png_of


def fractions(part):
    part.move(lambda x, y, w, h: (x / w, y / h))
    return 'fractions'


def percent(part):
    part.move(lambda x, y, w, h: (100 * x / w, 100 * y / h))
    return 'percent'


def one_pixel(part):
    part.move(lambda x, y, w, h: (7, 9))
    return 'one pixel|unlabelled|several classes'


def unknown_class(part):
    part.clicks[part.names[2]][1]['cls'] = 'no such class'
    part.write()
    return f'{part.names[2]}.*no such class'


def endless_position(part):
    part.clicks[part.names[1]][0]['x'] = float('inf')
    part.write()
    return f'{part.names[1]}.*finite'


def cut_photograph(part):
    content = part.image(3).read_bytes()
    part.image(3).write_bytes(content[: len(content) // 2])
    return f'1 of {IMAGES} images are truncated.*{part.names[3]}'


def absent_photograph(part):
    part.image(4).unlink()
    return f'1 of {IMAGES} images not found.*{part.names[4]}'


def twelve_bits(part):
    for i in range(IMAGES):
        grey = np.array(Image.open(part.image(i)).convert('L')).astype(np.uint16) * 16
        Image.fromarray(grey).save(part.image(i).with_suffix('.png'))
        part.image(i).unlink()
    part.changes['img_suffix'] = '.png'
    return 'have 16 bits a channel .*LoadDeepImage'


def cut_clicks(part):
    path = part.root / 'clicks.json'
    path.write_bytes(path.read_bytes()[:-20])
    return 'clicks.json: not valid JSON'


def binary_list(part):
    (part.root / 'train.txt').write_bytes('\n'.join(part.names).encode('utf-16-le'))
    return 'train.txt'


def axes(part):
    """Photographs that are square cannot tell."""
    part.move(lambda x, y, w, h: (y, x))
    entries = [(e, *part.sizes()[n]) for n, found in part.clicks.items() for e in found]
    outside = sum(e['x'] >= w or e['y'] >= h for e, w, h in entries)
    if outside < max(4, 0.05 * len(entries)):
        pytest.skip('rows and columns of these photographs are alike')
    return 'axes swapped'


def open_quote(part):
    rows = [f'{n},{e["x"]},{e["y"]},{e["cls"]}' for n, c in part.clicks.items() for e in c]
    rows[1] = f'"{rows[1]}'
    (part.root / 'clicks.csv').write_text('image,x,y,class\n' + '\n'.join(rows))
    part.changes['click_file'] = 'clicks.csv'
    return r'clicks\.csv.*quote'


def number_of_400_digits(part):
    text = (part.root / 'clicks.json').read_text().replace('"x": ', f'"x": {"9" * 400}', 1)
    (part.root / 'clicks.json').write_text(text)
    return f'{part.names[0]}.*finite'


def deep_json(part):
    (part.root / 'clicks.json').write_text('[' * 5000)
    return r'clicks\.json'


def masks_for_labels(part):
    part.changes.update(
        type='PseudoLabelDataset',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
        click_file=None,
    )
    return r'SegmentationClass.*manifest\.json'


def huge_header(part):
    part.image(5).write_bytes(png_of(4, 2**27))
    return f'{part.names[5]}.*promises 4x{2**27} pixels'


def floats(part):
    for i in range(IMAGES):
        grey = np.array(Image.open(part.image(i)).convert('L')).astype(np.float32) / 255
        Image.fromarray(grey).save(part.image(i).with_suffix('.tif'))
    part.changes['img_suffix'] = '.tif'
    return 'LoadDeepImage|cannot load it'


FLAWS = (
    axes,
    open_quote,
    number_of_400_digits,
    deep_json,
    masks_for_labels,
    huge_header,
    floats,
    fractions,
    percent,
    one_pixel,
    unknown_class,
    endless_position,
    cut_photograph,
    absent_photograph,
    twelve_bits,
    cut_clicks,
    binary_list,
)


def test_the_part_itself_is_fine(part, told):
    dataset = part.build(check_images='decode')
    assert len(dataset) == IMAGES
    assert not [line for line in told if 'one pixel' in line or 'bits a channel' in line]


@pytest.mark.parametrize('flaw', FLAWS, ids=lambda flaw: flaw.__name__)
def test_a_flaw_is_refused_in_one_line(flaw, part):
    message = flaw(part)
    with pytest.raises((ValueError, FileNotFoundError), match=message) as error:
        part.build()
    assert '\n' not in str(error.value) and len(str(error.value)) < 600


def test_what_is_taken_is_told_of(part, told):
    """Another case, a hidden folder, UTF-16 with its mark, a column nobody reads."""
    part.image(0).rename(part.image(0).with_suffix('.JPG'))
    hidden = part.root / 'JPEGImages/.ipynb_checkpoints'
    hidden.mkdir()
    shutil.copy(part.image(1), hidden / f'{part.names[1]}-checkpoint.jpg')
    (part.root / 'train.txt').write_text('\n'.join(part.names), encoding='utf-16')
    rows = [
        f'{name},{e["x"]},{e["y"]},{part.classes[e["cls"]]},no'
        for name, entries in part.clicks.items()
        for e in entries
    ]
    head = 'image,x,y,class,EstimatedYesNo'
    (part.root / 'clicks.csv').write_text('\n'.join([head, *rows]) + '\n')
    assert len(part.build(click_file='clicks.csv')) == IMAGES
    assert any('EstimatedYesNo' in line for line in told)
    assert len(part.build(ann_file='')) == IMAGES
