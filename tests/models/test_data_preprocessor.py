import pytest
import torch
from mmengine.structures import PixelData
from mmseg.models import SegDataPreProcessor
from mmseg.structures import SegDataSample

from mmseg_weak.models import WeakSegDataPreProcessor

OPTIONS = dict(
    mean=[10.0, 20.0, 30.0],
    std=[2.0, 3.0, 4.0],
    bgr_to_rgb=True,
    pad_val=7,
    seg_pad_val=255,
)


def batch():
    generator = torch.Generator().manual_seed(0)
    shapes = [(6, 8), (5, 9)]
    images = [torch.randint(0, 256, (3, *s), generator=generator) for s in shapes]
    views = [torch.randint(0, 256, (3, *s), generator=generator) for s in shapes]
    labels = [torch.randint(0, 3, (1, *s), generator=generator) for s in shapes]
    return images, views, labels


def samples(labels):
    return [SegDataSample(gt_sem_seg=PixelData(data=label.clone())) for label in labels]


@pytest.mark.parametrize('size', [dict(size=(10, 12)), dict(size_divisor=4)])
def test_both_views_are_treated_as_mmseg_treats_one(size):
    images, views, labels = batch()
    stock = SegDataPreProcessor(**OPTIONS, **size)
    data = dict(inputs=images, inputs_teacher=views, data_samples=samples(labels))
    ours = WeakSegDataPreProcessor(**OPTIONS, **size)(data, training=True)
    for key, inputs in (('inputs', images), ('teacher_inputs', views)):
        expected = stock(dict(inputs=inputs, data_samples=samples(labels)), training=True)
        torch.testing.assert_close(ours[key], expected['inputs'])
        for sample, other in zip(ours['data_samples'], expected['data_samples']):
            torch.testing.assert_close(sample.gt_sem_seg.data, other.gt_sem_seg.data)
            assert sample.metainfo == other.metainfo
    assert 'inputs_teacher' in data, 'the batch of the loader was changed'


def test_one_view_is_mmsegs_own_work():
    images, _, labels = batch()
    data = WeakSegDataPreProcessor(**OPTIONS, size=(10, 12))(
        dict(inputs=images, data_samples=samples(labels)), training=True
    )
    assert set(data) == {'inputs', 'data_samples'}


@pytest.mark.parametrize('training', [True, False])
def test_channels_last_changes_the_layout_only(training):
    images, views, _ = batch()
    images, views = [images[0], images[0]], [views[0], views[0]]
    data = dict(inputs=images, data_samples=[SegDataSample(), SegDataSample()])
    if training:
        data['inputs_teacher'] = views
    plain = WeakSegDataPreProcessor(**OPTIONS, size=(6, 8))(dict(data), training)
    ours = WeakSegDataPreProcessor(**OPTIONS, size=(6, 8), channels_last=True)(
        data, training
    )
    for key in {'inputs', 'teacher_inputs'} & plain.keys():
        assert ours[key].is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(ours[key], plain[key], rtol=0, atol=0)
    assert 'teacher_inputs' in ours or not training


def test_a_size_below_the_crops_is_named():
    images, _, labels = batch()
    preprocessor = WeakSegDataPreProcessor(**OPTIONS, size=(4, 4))
    with pytest.raises(ValueError, match=r'size \(4, 4\) is smaller than the crops'):
        preprocessor(dict(inputs=images, data_samples=samples(labels)), training=True)
