"""Parts of images in others, with all that belongs to them."""

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmseg_weak.models import WeakSegDataPreProcessor
from mmseg_weak.models.inputs.mixing import BatchClassMix, BatchCutMix

SIZE = (12, 14)


def batch(sizes=((12, 14), (9, 14), (12, 10)), pseudo=True):
    """Every pixel of image n shows and is labelled n, or 10 + n on its right half."""
    data = dict(inputs=[], inputs_teacher=[], data_samples=[])
    for n, size in enumerate(sizes):
        labels = torch.full((1, *size), n)
        labels[..., size[1] // 2 :] = 10 + n
        image = labels.expand(3, -1, -1).to(torch.uint8)
        data['inputs'].append(image.clone())
        data['inputs_teacher'].append(100 + image)
        sample = SegDataSample(
            metainfo=dict(img_shape=size, image_classes=(n, 10 + n), img_path=f'{n}.jpg')
        )
        clicks = torch.where(torch.rand(1, *size) < 0.3, labels, 255)
        sample.gt_sem_seg = PixelData(data=clicks)
        if pseudo:
            sample.pseudo_sem_seg = PixelData(data=labels)
        data['data_samples'].append(sample)
    return data


def preprocess(data, **mix):
    return WeakSegDataPreProcessor(size=SIZE, pad_val=77, mix=mix)(data, training=True)


@pytest.mark.parametrize('kind', ['BatchCutMix', 'BatchClassMix'])
def test_views_labels_and_clicks_move_together(kind):
    torch.manual_seed(0)
    moved = 0
    for _ in range(8):
        data = batch()
        kept = [sample.gt_sem_seg.data.clone() for sample in data['data_samples']]
        mixed = preprocess(data, type=kind)
        for i, sample in enumerate(mixed['data_samples']):
            labels, clicks = sample.pseudo_sem_seg.data[0], sample.gt_sem_seg.data[0]
            valid = labels != 255
            height, width = sample.metainfo['img_shape']
            assert valid[:height, :width].all() and not valid[height:].any()
            assert not valid[:, width:].any()
            # What a pixel shows is what it is labelled, in both views.
            view, weak = mixed['inputs'][i, 0], mixed['teacher_inputs'][i, 0]
            assert torch.equal(view[valid].long(), labels[valid])
            assert torch.equal(weak[valid].long(), 100 + labels[valid])
            assert (view[~valid] == 77).all()
            clicked = clicks != 255
            assert torch.equal(clicks[clicked], labels[clicked])
            other = (i + 1) % 3
            assert set(labels.unique().tolist()) <= {i, 10 + i, other, 10 + other, 255}
            assert sample.image_classes == tuple(sorted({i, 10 + i, other, 10 + other}))
            moved += (labels % 10 == other).sum()
            own = clicked & (labels % 10 == i)
            same = own[:height, :width]
            assert torch.equal(clicks[:height, :width][same], kept[i][0][same])
    assert moved > 0


def test_half_of_the_classes():
    torch.manual_seed(0)
    sample = SegDataSample(
        pseudo_sem_seg=PixelData(data=torch.tensor([[[0, 1, 2, 3, 4, 255]]]))
    )
    chosen = torch.stack([BatchClassMix().choose((1, 6), sample)[0] for _ in range(60)])
    assert (chosen[:, :5].sum(1) == 3).all() and not chosen[:, 5].any()
    assert chosen[:, :5].any(0).all()


def test_rectangles_cover_half_of_the_image_on_average():
    torch.manual_seed(0)
    masks = torch.stack([BatchCutMix().choose((40, 60), None) for _ in range(200)])
    rows, columns = masks.any(2), masks.any(1)
    assert torch.equal(masks, rows[:, :, None] & columns[:, None]), 'rectangles'
    assert 0.2 < masks.float().mean() < 0.5, 'less than half: parts are cut off'


def test_unmixed_images_unknown_classes_and_mistakes():
    data, plain = batch(), batch()
    kept = preprocess(data, type='BatchCutMix', prob=0.0)
    expected = WeakSegDataPreProcessor(size=SIZE, pad_val=77)(plain, training=True)
    torch.testing.assert_close(kept['inputs'], expected['inputs'])
    one = {key: value[:1] for key, value in batch().items()}
    assert preprocess(one, type='BatchCutMix')['inputs'].shape == (1, 3, *SIZE)
    unknown = batch()
    unknown['data_samples'][1].set_metainfo(dict(image_classes=()))
    mixed = preprocess(unknown, type='BatchCutMix')['data_samples']
    assert [sample.image_classes for sample in mixed] == [(), (), (0, 2, 10, 12)]
    with pytest.raises(ValueError, match=r'1\.jpg has no pseudo-label'):
        preprocess(batch(pseudo=False), type='BatchClassMix')
    with pytest.raises(ValueError, match=r'BatchCutMix: prob must be in \[0, 1\]'):
        WeakSegDataPreProcessor(mix=dict(type='BatchCutMix', prob=2))
    stock = WeakSegDataPreProcessor.as_stock(dict(size=SIZE, mix=dict(type='BatchCutMix')))
    assert stock == dict(size=SIZE, type='SegDataPreProcessor')


def test_marks_that_say_no_and_what_was_looked_for():
    class Left(BatchCutMix):
        def choose(self, size, sample):
            mask = torch.zeros(size, dtype=torch.bool)
            mask[:, :5] = True
            return mask

    data = batch([(12, 14)] * 2)
    for n, sample in enumerate(data['data_samples']):
        sample.gt_exclusions = torch.tensor([[3, 4, n], [3, 5, n]])
        sample.set_metainfo(dict(known_classes=(1, 2, 3) if n else None))
    Left()([torch.zeros(2, 3, 12, 14)], data['data_samples'])
    first, second = data['data_samples']
    assert first.gt_exclusions.tolist() == [[3, 5, 0], [3, 4, 1]]
    assert second.gt_exclusions.tolist() == [[3, 5, 1], [3, 4, 0]]
    alone = batch([(12, 14)] * 2)
    alone['data_samples'][1].gt_exclusions = torch.tensor([[3, 4, 1]])
    Left()([torch.zeros(2, 3, 12, 14)], alone['data_samples'])
    assert alone['data_samples'][0].gt_exclusions.tolist() == [[3, 4, 1]]
    assert not len(alone['data_samples'][1].gt_exclusions)
    assert first.known_classes == second.known_classes == (1, 2, 3)
