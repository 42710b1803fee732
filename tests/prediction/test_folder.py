"""A tree of photographs, interrupted, resumed, with odd files."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from mmseg_weak.prediction import predict_folder
from mmseg_weak.prediction.photos import find_photos, result_names
from mmseg_weak.visualization.panels import legend

EXIF_ORIENTATION = 0x0112


class StandIn:
    """Takes the place of a network: a pixel's class is whether it is bright."""

    classes = ('background', 'bright')
    palette = np.array([(0, 0, 0), (230, 25, 75)], dtype=np.uint8)
    background, scale = 0, None

    def __init__(self, checkpoint, pipeline):
        self.checkpoint, self.pipeline, self.batches = str(checkpoint), pipeline, []

    def predict(self, batch):
        self.batches.append(len(batch))
        return [(s['inputs'].float().mean(0) > 127).byte().numpy() for s in batch]


@pytest.fixture
def network(tmp_path):
    from mmengine.dataset import Compose

    (tmp_path / 'weights.pth').write_text('weights')
    steps = [dict(type='LoadImageFromFile'), dict(type='PackSegInputs')]
    return StandIn(tmp_path / 'weights.pth', Compose(steps))


def photograph(seed, size=(24, 16)):
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 2, (4, 4, 1)) * 255
    blocks = np.broadcast_to(blocks, (4, 4, 3)).astype(np.uint8)
    return Image.fromarray(blocks).resize(size, Image.NEAREST)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / 'photos'
    for i, name in enumerate(['a.png', 'a.bmp', 'b.PNG', 'one/c.tif', 'two/c.png']):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        photograph(i).save(folder / name)
    turned = photograph(9)
    exif = turned.getexif()
    exif[EXIF_ORIENTATION] = 6
    turned.save(folder / 'two/turned.JPG', exif=exif, quality=100)
    (folder / 'notes.txt').write_text('no photograph')
    (folder / '.hidden.png').write_text('no photograph')
    return folder


def read(path):
    with Image.open(path) as image:
        return np.array(image)


def test_every_photograph_of_the_tree_gets_a_mask(network, photos, tmp_path):
    out = tmp_path / 'out'
    assert predict_folder(network, photos, out, workers=0) == []
    masks = sorted(
        p.relative_to(out / 'masks').as_posix() for p in out.rglob('masks/**/*.png')
    )
    names = ['a.bmp.png', 'a.png.png', 'b.png', 'one/c.png', 'two/c.png', 'two/turned.png']
    assert masks == names
    overlays = [p for p in out.rglob('overlays/**/*') if p.is_file()]
    assert len(overlays) == len(names)
    expected = np.array(photograph(2).convert('L')) > 127
    np.testing.assert_array_equal(read(out / 'masks/b.png'), expected)
    with Image.open(out / 'masks/b.png') as mask:
        assert mask.getpalette()[3:6] == [230, 25, 75]
    upright = read(out / 'masks/two/turned.png')
    turned = np.rot90(np.array(photograph(9).convert('L')) > 127, -1)
    assert upright.shape == turned.shape and (upright == turned).mean() > 0.95


def test_areas_are_those_of_the_masks(network, photos, tmp_path):
    out = tmp_path / 'out'
    predict_folder(network, photos, out, workers=0, overlays=False)
    with open(out / 'areas.csv', newline='') as file:
        rows = {row['photo']: row for row in csv.DictReader(file)}
    assert len(rows) == 6
    mask = read(out / 'masks/one/c.png')
    assert int(rows['one/c.tif']['bright']) == mask.sum()
    share = float(rows['one/c.tif']['bright %'])
    assert share == pytest.approx(100 * mask.mean(), abs=1e-3)
    assert not (out / 'overlays').exists()


def test_the_same_call_resumes(network, photos, tmp_path):
    """What is there stays as it is; what is absent is made, the same as in one go."""
    whole, parts = tmp_path / 'whole', tmp_path / 'parts'
    predict_folder(network, photos, whole, workers=0)
    predict_folder(network, photos, parts, workers=0)
    kept = parts / 'masks/b.png'
    marker = kept.stat().st_mtime_ns
    (parts / 'masks/one/c.png').unlink()
    (parts / 'overlays/two/c.jpg').unlink()
    network.batches.clear()
    predict_folder(network, photos, parts, workers=0)
    assert sum(network.batches) == 2 and kept.stat().st_mtime_ns == marker
    files = sorted(p.relative_to(whole) for p in whole.rglob('*') if p.is_file())
    assert files == sorted(p.relative_to(parts) for p in parts.rglob('*') if p.is_file())
    for name in files:
        assert (whole / name).read_bytes() == (parts / name).read_bytes(), name


def test_what_is_there_already_is_told(network, photos, tmp_path, capsys):
    predict_folder(network, photos, tmp_path / 'out', workers=0)
    assert 'already' not in capsys.readouterr().out
    (tmp_path / 'out/masks/b.png').unlink()
    for count in (5, 6):
        predict_folder(network, photos, tmp_path / 'out', workers=0)
        assert f'{count} of 6 masks are there already' in capsys.readouterr().out


def test_a_legend_tells_colours_apart(network, photos, tmp_path):
    predict_folder(network, photos, tmp_path / 'out', workers=0)
    picture = read(tmp_path / 'out/legend.png')
    # A swatch for each class, one below the other.
    rows = [(picture == colour).all(2).any(1).nonzero()[0] for colour in network.palette]
    assert rows[1].min() > 20 and len(rows[1]) > 5
    assert legend(['a', 'b'], network.palette, 1000).shape[0] < picture.shape[0]


def test_results_of_another_checkpoint_are_not_mixed(network, photos, tmp_path):
    out = tmp_path / 'out'
    predict_folder(network, photos, out, workers=0)
    (tmp_path / 'weights.pth').write_text('other weights')
    with pytest.raises(ValueError, match=r'masks of an earlier .*weights.pth, which has'):
        predict_folder(network, photos, out, workers=0)
    network.checkpoint = str((tmp_path / 'weights.pth').rename(tmp_path / 'other.pth'))
    with pytest.raises(ValueError, match=r'masks of another checkpoint \(.*weights.pth'):
        predict_folder(network, photos, out, workers=0)
    predict_folder(network, photos, out, workers=0, overwrite=True)
    predict_folder(network, photos, out, workers=0)
    network.classes = tuple(reversed(network.classes))
    with pytest.raises(ValueError, match='masks of the same checkpoint with other classes'):
        predict_folder(network, photos, out, workers=0)


def test_photographs_of_another_folder_do_not_get_the_same_masks(network, photos, tmp_path):
    """Cameras give the same names every day."""
    out, other = tmp_path / 'out', tmp_path / 'other'
    predict_folder(network, photos / 'b.PNG', out, workers=0)
    predict_folder(network, photos, out, workers=0)
    other.mkdir()
    photograph(7).save(other / 'b.PNG')
    with pytest.raises(ValueError, match='holds masks of the photographs in .*/photos: '):
        predict_folder(network, other, out, workers=0)
    predict_folder(network, other, out, workers=0, overwrite=True)
    assert np.array_equal(read(out / 'masks/b.png'), read(other / 'b.PNG')[..., 0] > 127)


def test_overwriting_that_was_broken_off_leaves_no_old_mask(
    network, photos, tmp_path, monkeypatch
):
    out = tmp_path / 'out'
    predict_folder(network, photos, out, workers=0, areas=False)
    (tmp_path / 'weights.pth').write_text('other weights')
    with monkeypatch.context() as broken_off:
        broken_off.setattr(network, 'predict', lambda batch: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            predict_folder(network, photos, out, workers=0, overwrite=True)
    network.batches.clear()
    predict_folder(network, photos, out, workers=0)
    assert sum(network.batches) == 6


def test_neighbours_of_one_size_share_a_batch(network, photos, tmp_path):
    photograph(7, (40, 40)).save(photos / 'b2.png')
    predict_folder(network, photos, tmp_path / 'out', workers=0, batch_size=3)
    # a.bmp a.png b.PNG | b2.png | one/c.tif two/c.png | two/turned.JPG
    assert network.batches == [3, 1, 2, 1]


def test_workers_make_the_same_files(network, photos, tmp_path):
    predict_folder(network, photos, tmp_path / 'one', workers=0)
    predict_folder(network, photos, tmp_path / 'many', workers=2, batch_size=2)
    for path in (tmp_path / 'one').rglob('*.*'):
        if path.is_file():
            twin = tmp_path / 'many' / path.relative_to(tmp_path / 'one')
            assert path.read_bytes() == twin.read_bytes()


def test_huge_photographs_are_loaded_one_at_a_time(network, photos, tmp_path, monkeypatch):
    predict_folder(network, photos, tmp_path / 'usual', workers=0)
    for name in ('HUGE', 'OVERLAY_SIDE'):
        monkeypatch.setattr(f'mmseg_weak.prediction.folder.{name}', 20)
    predict_folder(network, photos, tmp_path / 'huge', workers=2)
    usual = sorted((tmp_path / 'usual' / 'masks').rglob('*.png'))
    for path in usual:
        other = tmp_path / 'huge' / path.relative_to(tmp_path / 'usual')
        np.testing.assert_array_equal(read(path), read(other))
    areas = [(tmp_path / kind / 'areas.csv').read_text() for kind in ('usual', 'huge')]
    assert areas[0] == areas[1]
    overlays = (tmp_path / 'huge' / 'overlays').rglob('*.jpg')
    assert {max(Image.open(path).size) for path in overlays} == {20}


def test_a_broken_photograph_is_named_and_the_others_made(network, photos, tmp_path):
    (photos / 'broken.jpg').write_bytes(b'\xff\xd8 not a photograph')
    broken = predict_folder(network, photos, tmp_path / 'out', workers=0)
    assert len(broken) == 1 and 'broken.jpg cannot be read as an image' in broken[0]
    assert len(list((tmp_path / 'out/masks').rglob('*.png'))) == 6


def test_one_photograph_is_a_folder_of_one(network, photos, tmp_path):
    predict_folder(network, photos / 'b.PNG', tmp_path / 'out', workers=0)
    assert [p.name for p in (tmp_path / 'out/masks').iterdir()] == ['b.png']


def test_results_inside_the_folder_are_no_photographs(network, photos):
    predict_folder(network, photos, photos / 'out', workers=0)
    predict_folder(network, photos, photos / 'out', workers=0)
    assert len(list((photos / 'out/masks').rglob('*.png'))) == 6


def test_names_that_differ_in_case_alone_stay_apart():
    photos = ['x/A.jpg', 'x/a.png', 'x/b.jpg']
    names = result_names(photos)
    assert names == {'x/A.jpg': 'x/A.jpg', 'x/a.png': 'x/a.png', 'x/b.jpg': 'x/b'}


def test_an_absent_or_empty_folder_is_one_line(tmp_path):
    with pytest.raises(FileNotFoundError, match='folder of photographs .* does not exist'):
        find_photos(tmp_path / 'nowhere')
    (tmp_path / 'empty').mkdir()
    with pytest.raises(ValueError, match='no photograph in'):
        find_photos(tmp_path / 'empty')


def test_masks_go_to_the_tools_of_others(network, photos, tmp_path, monkeypatch):
    """Also where two photographs differ in their suffix alone."""
    from mmseg_weak.apis import predict

    monkeypatch.setattr('mmseg_weak.apis.prediction.Predictor', lambda *_: network)
    out = tmp_path / 'out'
    predict(None, network.checkpoint, photos, out, to='coco', workers=0)
    images = json.loads((out / 'coco.json').read_text())['images']
    assert {image['file_name'] for image in images} == set(find_photos(photos))
    one = tmp_path / 'one'
    predict(None, network.checkpoint, photos / 'b.PNG', one, to='coco', workers=0)
    images = json.loads((one / 'coco.json').read_text())['images']
    assert [image['file_name'] for image in images] == ['b.PNG']
    with pytest.raises(ValueError, match="cannot be written as 'word', there are"):
        predict(None, network.checkpoint, photos, out, to='word')
