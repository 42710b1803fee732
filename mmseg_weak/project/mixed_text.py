"""What `mmseg-weak init` writes for masks of some classes and tags of the rest."""

from .config_text import config_text
from .road_text import label_scales, labellers

LNET = """\
# Written by `mmseg-weak init`: learns from the masks what an object is, of any class.
_base_ = 'config.py'
work_dir = {work_dir!r}
train_dataloader = dict(
    dataset=dict(images='strong', class_agnostic=True, pseudo_label_dir=None)
)
model = dict(
    decode_head=dict(
        num_classes=2,
        out_channels=1,
        threshold=0.5,
        loss_decode=dict(_delete_=True, type='ForegroundBCELoss'),
    )
)
"""
STAGES = """\
# Written by `mmseg-weak init`, for `mmseg-weak stages`: what the masks teach about objects
# (lnet.py) and where tags point (seeds.py) become labels of the weak classes, and config.py
# learns from masks and labels.
_base_ = __import__('mmseg_weak').config_path('_base_/stages/transfer.py')
work_dir = {out!r}
lnet_config = work_dir + '/lnet.py'
cam_config = work_dir + '/seeds.py'
seg_config = work_dir + '/config.py'
tags = [{tags!r}, {train_list!r}]
masks = [{masks!r}]
scales = {scales}  # of labels: several are better and slower
# labels/panels.html shows so many of them
label_options = ['--panels', '12', '--long-side', '{long_side}']
device = {device!r}
workers = {labellers}  # processes that label
stages = _base_.stages[:4]  # without P-Net, and without masks to test on
"""


def mixed_texts(out: str, tags: str, masks: str, device: str, **values) -> dict[str, str]:
    """The three configs and the list of stages.

    Args:
        out (str): Folder of the configs.
        tags (str): Tags of all photographs.
        masks (str): Folder of masks.
        device (str): That labels.
        **values: As :func:`~.config_text.config_text` has them, with ``strong`` and
            ``weak``, the classes.

    Returns:
        dict[str, str]: File name to text.
    """
    seeds = {k: v for k, v in values.items() if k not in ('strong', 'weak')}
    seeds.update(work_dir=f'{out}/cam', held_out_list='')
    values.update(
        work_dir=f'{out}/segmenter',
        label_dir=f'{out}/labels',
        tags=tags,
        unscored='Scores need masks of the weak classes: no photograph is kept for them.',
    )
    list_ = dict(values, out=out, masks=masks, device=device)
    list_.update(
        labellers=labellers(device, values['workers']),
        scales=label_scales(values['budget']),
    )
    return {
        'lnet.py': LNET.format(work_dir=f'{out}/lnet'),
        'seeds.py': config_text('tags', tags, False, **seeds),
        'stages.py': STAGES.format(**list_),
        'config.py': config_text('mixed', masks, False, **values),
    }
