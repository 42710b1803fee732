"""Maps to affinity labels, an affinity network trained on them, and labels of its walk."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmseg.registry import MODELS
from toy_tags import NUM_IMAGES, toy_cam_model, toy_tag_config, write_tag_set

from mmseg_weak.datasets.mask_files import read_mask
from mmseg_weak.labelling import CAMLabeller, make_labels
from mmseg_weak.refinement.cam_label import AffinityLabelRule


@pytest.fixture(scope='module')
def road(toy_root, tmp_path_factory):
    """Config and checkpoint of a classifier without training."""
    init_default_scope('mmseg')
    folder = tmp_path_factory.mktemp('road')
    write_tag_set(toy_root, folder)
    config = toy_tag_config(toy_root, folder, folder)
    config.dump(folder / 'cam.py')
    torch.manual_seed(0)
    model = MODELS.build(toy_cam_model())
    model.init_weights()
    torch.save(dict(state_dict=model.state_dict()), folder / 'cam.pth')
    return folder


def make_labeller(road, **options):
    peer = (str(road / 'cam.py'), str(road / 'cam.pth'))
    return CAMLabeller([peer], scales=(1,), flip=False, **options)


def label(out, labeller):
    report = make_labels(Config.fromfile(labeller.data), labeller, str(out))
    labels = {path.stem: read_mask(path) for path in sorted(out.glob('*.png'))}
    assert len(labels) == NUM_IMAGES
    return labels, report


def train_affinity(road, labels):
    """Two iterations on a folder of labels."""
    head = dict(type='AffinityHead', in_channels=(8, 16), in_index=(0, 1), num_classes=3)
    model = dict(toy_cam_model(0), type='AffinitySegmentor')
    model['decode_head'] = dict(head, channels=(4, 4))
    config = Config.fromfile(road / 'cam.py')
    config.model, config.work_dir = model, str(road / 'affinity')
    config.custom_hooks = [dict(type='IterationSeedHook')]
    config.train_cfg.max_iters = 2
    data = config.train_dataloader.dataset
    images = dict(img_path=f'{data.data_root}/images', seg_map_path=str(labels))
    config.train_dataloader.dataset = dict(
        type='PseudoLabelDataset',
        ann_file=data.ann_file,
        img_suffix='.png',
        data_prefix=images,
        metainfo=data.metainfo,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(type='PackSegInputs'),
        ],
    )
    config.dump(road / 'affinity.py')
    Runner.from_cfg(config).train()
    return road / 'affinity.py', road / 'affinity' / 'iter_2.pth'


def test_the_whole_road(road):
    crf = dict(refinement='crf', refinement_options=dict(num_iters=2))
    labeller = make_labeller(road, affinity_labels=(1, 8), **crf)
    assert isinstance(labeller.rule, AffinityLabelRule)
    assert labeller.rule.steps == (dict(type='dense_crf', num_iters=2),)
    sure, report = label(road / 'sure', labeller)
    values = set(np.unique(np.concatenate([x.ravel() for x in sure.values()])))
    assert {0, 255} < values <= {0, 1, 2, 255}
    for i, labels in enumerate(sure.values()):
        # Nothing but the tags of the image.
        assert (1, 2)[i % 3 - 1] not in labels or i % 3 == 0
    files = train_affinity(road, road / 'sure')
    files = tuple(map(str, files))
    labeller = make_labeller(road, affinity_walk=files)
    assert labeller.rule.background_power == 16
    walked, report = label(road / 'walked', labeller)
    assert all(set(np.unique(x)) <= {0, 1, 2} for x in walked.values())
    assert report['background_score'] is None
    # Labels of other weights are not mixed with these.
    other = torch.load(files[1], weights_only=False)
    other['state_dict']['decode_head.mix.weight'] += 1
    torch.save(other, files[1])
    with pytest.raises(ValueError, match=r'other settings \(affinity_walk\)'):
        label(road / 'walked', make_labeller(road, affinity_walk=files))


def test_options(road):
    with pytest.raises(ValueError, match='0 < low < high'):
        make_labeller(road, affinity_labels=(8, 4))
    walk = ('x.py', 'y.pth')
    with pytest.raises(FileNotFoundError, match=r'x\.py does not exist'):
        make_labeller(road, affinity_walk=walk)
    with pytest.raises(ValueError, match='give one of both'):
        make_labeller(road, affinity_labels=(4, 8), affinity_walk=walk)
