"""The click simulator against properties that a person's clicks have."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage.measure import label as connected_components

from mmseg_weak.datasets.class_resolver import ClassResolver
from mmseg_weak.datasets.click_formats import read_clicks, write_clicks
from mmseg_weak.datasets.click_simulation import ClickSimulator
from mmseg_weak.datasets.mask_files import read_mask, write_mask

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / 'tools' / 'dataset_converters' / 'simulate_clicks.py'


def two_discs(label=1, radius=10):
    """Two separate discs of one class, the left one larger."""
    y, x = np.mgrid[:64, :96]
    mask = np.zeros((64, 96), np.uint8)
    mask[(y - 32) ** 2 + (x - 24) ** 2 < (radius + 6) ** 2] = label
    mask[(y - 32) ** 2 + (x - 74) ** 2 < radius**2] = label
    return mask


def blobs(seed, classes=4):
    """A random mask of rectangles with a void frame around one of them."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((40, 50), np.uint8)
    for _ in range(5):
        y, x = rng.integers(0, 36, 2)
        height, width = rng.integers(1, 20, 2)
        mask[y : y + height, x : x + width] = rng.integers(0, classes)
    mask[:, :2] = 255
    return mask


def pixel(click):
    return int(click['y']), int(click['x'])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**16), per_object=st.integers(1, 3), area=st.integers(1, 60))
def test_every_object_gets_its_clicks_and_no_other_place_any(seed, per_object, area):
    mask = blobs(seed)
    simulate = ClickSimulator(4, clicks_per_object=per_object, min_area=area, seed=seed)
    clicks = simulate(mask, 'a')
    assert all(mask[pixel(c)] == c['cls'] for c in clicks)
    assert len({pixel(c) for c in clicks}) == len(clicks)
    expected = 0
    for label in (1, 2, 3):
        objects = connected_components(mask == label, connectivity=2)
        for i in range(1, objects.max() + 1):
            size = (objects == i).sum()
            hits = sum(objects[pixel(c)] == i for c in clicks)
            assert hits == (min(per_object, size) if size >= area else 0)
            expected += hits
        ranks = [c['rank'] for c in clicks if c['cls'] == label]
        assert ranks == list(range(1, len(ranks) + 1))
    assert len(clicks) == expected


def test_rank_1_is_in_the_largest_object():
    clicks = ClickSimulator(2, clicks_per_object=2)(two_discs(), 'a')
    assert [c['x'] < 48 for c in clicks] == [True, False, True, False]


def test_coordinates_are_pixel_centres():
    clicks = ClickSimulator(2)(two_discs(), 'a')
    assert all(c[axis] % 1 == 0.5 for c in clicks for axis in 'xy')


def test_same_seed_and_id_give_the_same_clicks_and_others_give_others():
    mask = two_discs()
    same = [ClickSimulator(2, seed=3)(mask, 'a') for _ in range(2)]
    assert same[0] == same[1]
    assert ClickSimulator(2, seed=4)(mask, 'a') != same[0]
    assert ClickSimulator(2, seed=3)(mask, 'b') != same[0]


def test_interior_pulls_clicks_away_from_the_border():
    mask = two_discs()

    def mean_distance(interior):
        simulate = ClickSimulator(2, interior=interior, min_area=500)
        clicks = [simulate(mask, str(i))[0] for i in range(200)]
        return np.mean([np.hypot(c['x'] - 24.5, c['y'] - 32.5) for c in clicks])

    # A disc of radius R: mean distance to the centre is 2R/3 drawn uniformly, and for a
    # density falling as (1 - r/R)^2 it is the Beta(2, 3) mean 2R/5.
    assert mean_distance(0) == pytest.approx(16 * 2 / 3, rel=0.08)
    assert mean_distance(2) == pytest.approx(16 * 2 / 5, rel=0.08)


def test_a_click_may_fall_on_an_object_of_one_pixel():
    mask = np.zeros((5, 5), np.uint8)
    mask[0, 4] = 1
    assert ClickSimulator(2, min_area=1, clicks_per_object=3)(mask, 'a') == [
        dict(x=4.5, y=0.5, cls=1, rank=1)
    ]


def test_noise_has_the_share_asked_for_and_leaves_the_rest_alone():
    mask = two_discs()
    ids = [str(i) for i in range(200)]
    clean = [ClickSimulator(4)(mask, i) for i in ids]
    wrong = [ClickSimulator(4, wrong_class=0.2)(mask, i) for i in ids]
    pairs = [pair for a, b in zip(clean, wrong) for pair in zip(a, b)]
    assert all(a['x'] == b['x'] and a['y'] == b['y'] for a, b in pairs)
    labels = np.array([b['cls'] for _, b in pairs])
    assert set(labels) == {1, 2, 3}
    assert np.mean(labels != 1) == pytest.approx(0.2, abs=0.06)

    moved = [ClickSimulator(4, displaced=0.3)(mask, i) for i in ids]
    pairs = [pair for a, b in zip(clean, moved) for pair in zip(a, b)]
    assert np.mean([pixel(a) != pixel(b) for a, b in pairs]) == pytest.approx(0.3, abs=0.06)
    assert any(mask[pixel(b)] == 0 for _, b in pairs)
    assert all(0 < b['x'] < 96 and 0 < b['y'] < 64 for _, b in pairs)


def test_background_clicks_are_background_and_independent_of_the_object_options():
    mask = two_discs()
    simulate = ClickSimulator(2, background_clicks=5)
    clicks = simulate.background_of(mask, 'a')
    assert len(clicks) == 5
    assert all(mask[pixel(c)] == 0 and c['cls'] == 0 and 'rank' not in c for c in clicks)
    other = ClickSimulator(2, background_clicks=5, clicks_per_object=3, displaced=1)
    assert other.background_of(mask, 'a') == clicks
    assert simulate.background_of(np.ones_like(mask), 'a') == []


@pytest.mark.parametrize(
    'options',
    [
        dict(num_classes=0),
        dict(num_classes=3, clicks_per_object=0),
        dict(num_classes=3, min_area=0),
        dict(num_classes=3, interior=-1.0),
        dict(num_classes=3, interior=float('nan')),
        dict(num_classes=3, wrong_class=1.5),
        dict(num_classes=3, displaced=-0.1),
        dict(num_classes=3, background=3),
        dict(num_classes=3, background=None, background_clicks=1),
        dict(num_classes=2, wrong_class=0.1),
    ],
)
def test_options_out_of_range_are_refused_by_name(options):
    name = list(options)[1] if len(options) > 1 else 'num_classes'
    with pytest.raises(ValueError, match=name):
        ClickSimulator(**options)


@pytest.mark.parametrize(
    'mask, message',
    [
        (np.zeros((4, 4, 3), np.uint8), r'shape \(4, 4, 3\)'),
        (np.zeros((4, 4)), 'float64'),
        (np.full((4, 4), 7, np.uint8), 'class id 7, but there are 3 classes'),
        (np.full((4, 4), -1), 'class id -1'),
    ],
)
def test_masks_that_do_not_fit_are_refused(mask, message):
    with pytest.raises(ValueError, match=f"mask of 'img_7'.*{message}"):
        ClickSimulator(3)(mask, 'img_7')


@pytest.mark.parametrize('suffix', ['.json', '.csv'])
def test_written_clicks_read_back(tmp_path, suffix):
    clicks = {'a': ClickSimulator(3)(two_discs(2), 'a'), 'b': [dict(x=1.5, y=2.5, cls=0)]}
    path = tmp_path / 'new' / f'clicks{suffix}'
    write_clicks(path, clicks)
    table = read_clicks(str(path), ClassResolver(('background', 'x', 'y')))
    assert table.image.tolist() == ['a', 'a', 'b']
    assert table.label.tolist() == [2, 2, 0]
    assert table.rank.tolist() == [1, 2, 0]
    expected = [[c['x'], c['y']] for entries in clicks.values() for c in entries]
    np.testing.assert_array_equal(table.xy, expected)
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / 'clicks.json'
    write_clicks(path, {'a': []})
    with pytest.raises(TypeError):
        write_clicks(path, {'a': [dict(x=object())]})
    assert json.loads(path.read_text()) == {'a': []}
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(ValueError, match=r'ends with \.json'):
        write_clicks(tmp_path / 'clicks.txt', {})


def test_masks_round_trip_and_bad_ones_are_named(tmp_path):
    mask = blobs(1)
    write_mask(tmp_path / 'm.png', mask, np.eye(3) * 200)
    np.testing.assert_array_equal(read_mask(tmp_path / 'm.png'), mask)
    Image.fromarray(mask.astype(np.uint16) * 200).save(tmp_path / 'wide.png')
    np.testing.assert_array_equal(read_mask(tmp_path / 'wide.png'), mask.astype(int) * 200)
    Image.new('RGB', (4, 4)).save(tmp_path / 'rgb.png')
    (tmp_path / 'cut.png').write_bytes((tmp_path / 'm.png').read_bytes()[:200])
    with pytest.raises(ValueError, match=r'rgb\.png.*mode RGB'):
        read_mask(tmp_path / 'rgb.png')
    with pytest.raises(ValueError, match=r'cut\.png.*truncated'):
        read_mask(tmp_path / 'cut.png')
    with pytest.raises(FileNotFoundError, match='absent'):
        read_mask(tmp_path / 'absent.png')


def run_tool(monkeypatch, *arguments):
    """The tool's main in this process."""
    monkeypatch.syspath_prepend(str(TOOL.parent))
    monkeypatch.setattr(sys, 'argv', [str(TOOL), *map(str, arguments)])
    import simulate_clicks

    simulate_clicks.main()


@pytest.fixture
def mask_folder(tmp_path):
    folder = tmp_path / 'masks'
    folder.mkdir()
    for i in range(4):
        write_mask(folder / f'{i}.png', blobs(i), np.eye(3) * 200)
    return folder


def test_tool_does_not_depend_on_order_or_workers(tmp_path, mask_folder, monkeypatch):
    background = tmp_path / 'bg.json'
    options = ['--background-clicks', 2, '--background-out', background]
    run_tool(monkeypatch, mask_folder, 4, tmp_path / 'one.json', *options)
    (tmp_path / 'split.txt').write_text('3\n1\n')
    options += ['--split', tmp_path / 'split.txt', '--workers', 2]
    run_tool(monkeypatch, mask_folder, 4, tmp_path / 'two.json', *options)
    every, some = (json.loads((tmp_path / n).read_text()) for n in ('one.json', 'two.json'))
    assert list(every) == ['0', '1', '2', '3']
    assert some == {i: every[i] for i in ('3', '1')}
    assert every == {i: ClickSimulator(4)(blobs(int(i)), i) for i in every}
    assert all(len(entries) == 2 for entries in json.loads(background.read_text()).values())


def test_tool_names_what_is_wrong(tmp_path, mask_folder, monkeypatch):
    out = tmp_path / 'out.json'
    with pytest.raises(FileNotFoundError, match='mask folder not found'):
        run_tool(monkeypatch, tmp_path / 'nowhere', 4, out)
    with pytest.raises(ValueError, match='go together'):
        run_tool(monkeypatch, mask_folder, 4, out, '--background-clicks', 1)
    with pytest.raises(ValueError, match=r'0\.png.*class id 3.*2 classes'):
        run_tool(monkeypatch, mask_folder, 2, out)
    images = tmp_path / 'images'
    images.mkdir()
    with pytest.raises(FileNotFoundError, match=r'image of the mask .*0\.png not found'):
        run_tool(monkeypatch, mask_folder, 4, out, '--images', images)
    Image.new('RGB', (50, 41)).save(images / '0.jpg')
    with pytest.raises(ValueError, match=r'50x40 but .*0\.jpg is 50x41'):
        run_tool(monkeypatch, mask_folder, 4, out, '--images', images)
    assert not out.exists()


def test_tool_as_a_command_ends_in_one_line(tmp_path):
    command = [
        sys.executable,
        str(TOOL),
        str(tmp_path / 'x'),
        '4',
        str(tmp_path / 'o.json'),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert 'error: mask folder not found' in done.stderr
    assert 'Traceback' not in done.stderr


@pytest.mark.parametrize('values', [(0, 255), (0,), (255,)])
def test_no_object_anywhere_is_an_error(monkeypatch, tmp_path, values):
    """Masks of 0 and 255 hold unknown pixels; so may empty ones and those of one value."""
    for i in range(2):
        mask = np.full((40, 40), values[0], np.uint8)
        mask[10:30, 10:30] = values[-1]
        write_mask(tmp_path / f'{i}.png', mask, np.zeros((2, 3)))
    out = tmp_path / 'clicks.json'
    with pytest.raises(ValueError, match=r'no object in 2 masks, .* 255 means unknown'):
        run_tool(monkeypatch, tmp_path, 2, out)
    assert not out.exists()


@pytest.mark.parametrize(('option', 'classes'), [('0', {1}), ('1', {0}), ('none', {0, 1})])
def test_the_background_of_the_simulator(monkeypatch, tmp_path, option, classes):
    mask = np.zeros((40, 40), np.uint8)
    mask[10:30, 10:30] = 1
    write_mask(tmp_path / 'a.png', mask, np.zeros((2, 3)))
    out = tmp_path / 'clicks.json'
    run_tool(monkeypatch, tmp_path, 2, out, '--background', option)
    clicks = json.loads(out.read_text())['a']
    assert {click['cls'] for click in clicks} == classes
