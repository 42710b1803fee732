"""A small classifier with sub-categories, learning from the tags of the toy clicks."""

import json

from toy import toy_config, toy_model

NUM_IMAGES = 11  # not divisible by two ranks


def write_tag_set(toy_root, folder):
    """Clicks of the toy set so that its images have one class or both."""
    clicks = json.loads((toy_root / 'clicks.json').read_text())
    names = (toy_root / 'train.txt').read_text().split()[:NUM_IMAGES]
    for i, name in enumerate(names):
        left_out = (None, 1, 2)[i % 3]
        clicks[name] = [c for c in clicks[name] if c['cls'] != left_out]
    kept = {name: clicks[name] for name in names}
    (folder / 'clicks.json').write_text(json.dumps(kept))
    (folder / 'train.txt').write_text('\n'.join(names))


def toy_cam_model(num_clusters=2):
    """CAMSegmentor on the toy backbone; no sub-categories without a number."""
    model = toy_model()
    model['type'] = 'CAMSegmentor'
    model['data_preprocessor']['size'] = (64, 64)
    model['decode_head'] = dict(type='CAMHead', in_channels=16, in_index=1, num_classes=3)
    if num_clusters:
        model['sub_category_head'] = dict(
            type='SubCategoryHead', in_channels=16, num_classes=3, num_clusters=num_clusters
        )
    return model


def toy_tag_config(root, folder, work_dir, max_iters=6, rounds=(2, 4), **hook):
    """Config of a short run with rounds of clustering; images are not cropped."""
    config = toy_config(root, work_dir, toy_cam_model(), max_iters)
    data = config.train_dataloader.dataset
    data.ann_file = str(folder / 'train.txt')
    data.click_file = str(folder / 'clicks.json')
    data.pipeline[2].crop_size = (64, 64)
    data.pipeline[3].prob = 0.0
    config.param_scheduler[0].end = 4
    config.custom_imports = dict(imports=['mmseg_weak'], allow_failed_imports=False)
    for key in ('val_dataloader', 'val_evaluator', 'val_cfg'):
        config[key] = None
    config.train_cfg.pop('val_interval')
    config.custom_hooks = [
        dict(type='ClassCheckHook'),
        dict(type='IterationSeedHook'),
        dict(
            type='SubCategoryClusteringHook',
            rounds=list(rounds),
            **{'num_pictures': 0, **hook},
        ),
    ]
    return config
