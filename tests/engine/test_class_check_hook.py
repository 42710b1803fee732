import pytest
from mmengine.runner import Runner
from toy import toy_config, toy_model


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
