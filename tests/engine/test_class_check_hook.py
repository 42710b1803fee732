import pytest
import torch
from mmengine.runner import Runner
from toy import toy_config, toy_model
from toy_tags import toy_tag_config, write_tag_set

from mmseg_weak.engine.hooks import ClassCheckHook
from mmseg_weak.models.losses import AbsentClassLoss, PottsLoss


@pytest.fixture
def two_views(toy_root, tmp_path):
    config = toy_config(toy_root, tmp_path, toy_model())
    config.train_dataloader.dataset.pipeline.insert(
        4,
        dict(type='PhotometricViews', strong=[dict(type='PhotoMetricDistortion')]),
    )
    return config


def test_a_plain_preprocessor_cannot_take_two_views(two_views):
    two_views.model.data_preprocessor.type = 'SegDataPreProcessor'
    with pytest.raises(ValueError, match='WeakSegDataPreProcessor'):
        Runner.from_cfg(two_views).train()


def test_class_counts_must_agree(two_views):
    two_views.model.decode_head.num_classes = 5
    with pytest.raises(ValueError, match='num_classes=5, the training data has 3'):
        Runner.from_cfg(two_views).train()


@pytest.mark.parametrize(
    'term',
    [
        dict(
            consistency=dict(
                type='TeacherConsistency',
                loss=dict(type='PixelConsistencyLoss'),
                background=1,
            )
        ),
        dict(pseudo_label=dict(type='HeterogeneousPseudoLabelHead', background=1)),
    ],
)
def test_background_of_a_term_must_be_the_class_of_that_name(toy_root, tmp_path, term):
    config = toy_config(toy_root, tmp_path, toy_model(**term))
    with pytest.raises(ValueError, match='background=1, and .* background is 0'):
        Runner.from_cfg(config).train()


@pytest.mark.parametrize(
    ('classes', 'background', 'fits'),
    [
        (['background', 'cat'], 0, True),
        (['background', 'cat'], None, False),
        (['cat', 'background'], 0, False),
        (['cat', 'cow'], None, True),
        (['cat', 'cow'], 0, False),
    ],
)
def test_background_of_a_loss_of_absent_classes(classes, background, fits):
    check, metainfo = ClassCheckHook._check_background, dict(classes=classes)
    check(torch.nn.ModuleList([PottsLoss()]), metainfo)  # knows no classes
    loss = torch.nn.ModuleList([AbsentClassLoss(background=background)])
    if fits:
        return check(loss, metainfo)
    with pytest.raises(ValueError, match=f'background={background}, and of the classes'):
        check(loss, metainfo)


def test_sub_categories_need_their_hook(toy_root, tmp_path):
    write_tag_set(toy_root, tmp_path)
    config = toy_tag_config(toy_root, tmp_path, tmp_path / 'work', num_pictures=1)
    config.custom_hooks = [dict(type='ClassCheckHook')]
    with pytest.raises(ValueError, match='needs dict.type="SubCategoryClusteringHook"'):
        Runner.from_cfg(config).train()


@pytest.mark.parametrize('kind', ['SegDataPreProcessor', 'WeakSegDataPreProcessor'])
@pytest.mark.parametrize(
    'settings, message',
    [
        (dict(size=None), 'neither size nor size_divisor'),
        (dict(size_divisor=8), 'both size and size_divisor'),
    ],
)
def test_a_batch_is_padded_in_one_way(toy_root, tmp_path, kind, settings, message):
    config = toy_config(toy_root, tmp_path, toy_model())
    config.model.data_preprocessor.update(settings, type=kind)
    with pytest.raises(ValueError, match=f'data_preprocessor has {message}; give it'):
        Runner.from_cfg(config).train()
