"""The visualizer draws through mmseg's interface and its own panels."""

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.registry import VISUALIZERS
from mmseg.structures import SegDataSample
from PIL import Image

from mmseg_weak.visualization import draw_clicks, overlay
from mmseg_weak.visualization.panels import TITLE_HEIGHT

CLASSES = ['background', 'cat', 'dog']
PALETTE = [[0, 0, 0], [255, 0, 0], [0, 0, 255]]
IMAGE = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)


@pytest.fixture
def visualizer(tmp_path):
    return VISUALIZERS.build(
        dict(
            type='WeakSegLocalVisualizer',
            vis_backends=[dict(type='LocalVisBackend')],
            name=str(tmp_path),
            save_dir=str(tmp_path),
            classes=CLASSES,
            palette=PALETTE,
            min_height=100,
        )
    )


def read_only_picture(folder):
    (path,) = folder.rglob('*.png')
    return path, np.asarray(Image.open(path))


def label_map():
    labels = np.zeros((60, 80), np.uint8)
    labels[10:40, 10:50] = 1
    return labels


def test_classes_and_palette_arrive_in_the_right_place(visualizer):
    assert visualizer.dataset_meta == dict(classes=CLASSES, palette=PALETTE)
    assert visualizer.background == 0
    visualizer.dataset_meta = dict(classes=['cat', 'dog'], palette=PALETTE[1:])
    assert visualizer.background is None


def test_panel_is_image_with_clicks_and_overlays(visualizer):
    labels = label_map()
    clicks, classes = np.array([[20.5, 20.5]]), np.array([1])
    panel = visualizer.panel(IMAGE, {'a': labels, 'b': labels * 2}, clicks, classes, False)
    large = IMAGE.repeat(2, 0).repeat(2, 1)
    assert panel.shape == (120 + TITLE_HEIGHT, 3 * 160 + 2 * 4, 3)
    body = panel[TITLE_HEIGHT:]
    np.testing.assert_array_equal(
        body[:, :160], draw_clicks(large, [[41, 41]], [1], PALETTE, 4)
    )
    doubled = labels.repeat(2, 0).repeat(2, 1)
    for i, factor in enumerate((1, 2)):
        left = (i + 1) * 164
        expected = overlay(large, doubled * factor, PALETTE, 0.5)
        np.testing.assert_array_equal(body[:, left : left + 160], expected)


def test_panel_without_clicks_and_with_legend(visualizer):
    plain = visualizer.panel(IMAGE, {}, with_legend=False)
    np.testing.assert_array_equal(plain[TITLE_HEIGHT::2, ::2], IMAGE)
    assert visualizer.panel(IMAGE, {}).shape[0] > plain.shape[0]


def test_add_panel_reaches_the_backend(visualizer, tmp_path):
    visualizer.add_panel('p', IMAGE, {'a': label_map()}, step=7)
    path, picture = read_only_picture(tmp_path)
    assert path.name == 'p_7.png'
    np.testing.assert_array_equal(picture, visualizer.panel(IMAGE, {'a': label_map()}))


def test_mmsegs_add_datasample_draws_mask_prediction_and_clicks(visualizer, tmp_path):
    labels = torch.from_numpy(label_map())[None]
    sample = SegDataSample(metainfo=dict(clicks=[[70.5, 50.5]], click_labels=[2]))
    sample.gt_sem_seg = PixelData(data=labels)
    sample.pred_sem_seg = PixelData(data=labels * 2)
    visualizer.add_datasample('s', IMAGE, sample, with_labels=False)
    _, picture = read_only_picture(tmp_path)
    clicked = draw_clicks(IMAGE, [[70.5, 50.5]], [2], PALETTE, 4)
    expected = [overlay(clicked, label_map() * k, PALETTE) for k in (1, 2)]
    np.testing.assert_array_equal(picture, np.concatenate(expected, axis=1))


def test_names_do_not_change_the_size_of_a_picture(visualizer, tmp_path):
    sample = SegDataSample()
    sample.pred_sem_seg = PixelData(data=torch.from_numpy(label_map())[None])
    visualizer.add_datasample('s', IMAGE, sample)
    _, picture = read_only_picture(tmp_path)
    assert picture.shape == IMAGE.shape
    assert (picture != overlay(IMAGE, label_map(), PALETTE)).any()
