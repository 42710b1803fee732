"""What `mmseg-weak init` writes beside the config of clicks, and of tags."""

from .config_text import config_text

STUDENT = """\
# Written by `mmseg-weak init`: the network of config.py once more, trained on every pixel,
# on labels that the first one made of its photographs.
_base_ = 'config.py'
work_dir = {work_dir!r}
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='PseudoLabelDataset',
        ann_file=_base_.train_dataloader.dataset.ann_file,
        data_prefix=_base_.photographs.data_prefix,
        img_suffix=_base_.photographs.img_suffix,
        metainfo=_base_.photographs.metainfo,
        pseudo_label_dir={label_dir!r},
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            _base_.resizing,
            dict(type='RandomCrop', crop_size=(_base_.crop, _base_.crop)),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackSegInputs'),
        ],
    ),
)
model = dict(
    type='EncoderDecoder',
    decode_head=dict(
        loss_decode=dict(_delete_=True, type='CrossEntropyLoss', avg_non_ignore=True)
    ),
)
"""

STAGES = """\
# Written by `mmseg-weak init`, for `mmseg-weak stages`: train config.py on clicks, unless
# that was done already, label its photographs, train student.py on these labels.
_base_ = __import__('mmseg_weak').config_path('_base_/stages/labels_from_clicks.py')
work_dir = {out!r}
clicks_config = work_dir + '/config.py'
student_config = work_dir + '/student.py'
clicks = [{labels!r}, work_dir + '/train.txt']
{more}label_options = ['--long-side', '{long_side}']
device = {device!r}
workers = {workers}  # processes that label
"""
TAG_STAGES = """\
# Written by `mmseg-weak init`, for `mmseg-weak stages`: config.py learns the tags and maps
# where its photographs show them, the maps become labels, student.py learns from these.
_base_ = __import__('mmseg_weak').config_path('_base_/stages/labels_from_tags.py')
work_dir = {out!r}
tags_config = work_dir + '/config.py'
student_config = work_dir + '/student.py'
tags = [{labels!r}, work_dir + '/train.txt']
scales = {scales}  # of maps: several are better and slower
label_options = ['--long-side', '{long_side}']
device = {device!r}
workers = {workers}  # processes that label
{more}"""
NO_FEATURES_LEARN = """\
stages = _base_.without_features  # those are of EfficientNet-Lite0
"""
NO_BACKGROUND = 'background_prior = 1.0  # there is no background class\n'
NO_FEATURES = "labeller = 'segmentor'  # not by EfficientNet-Lite0 as well\n"


def road_texts(
    out: str,
    labels: str,
    background: bool,
    features: bool,
    long_side: int,
    device: str,
    workers: int,
) -> dict[str, str]:
    """Config of the second network, and the list of stages that leads to it.

    Args:
        out (str): Folder of the configs.
        labels (str): File or folder of the clicks.
        background (bool): Whether a class is the background.
        features (bool): Whether features of EfficientNet-Lite0 label as well.
        long_side (int): Of the photographs while they are labelled, in pixels.
        device (str): That labels.
        workers (int): Processes that label.

    Returns:
        dict[str, str]: File name to text.
    """
    list_ = STAGES.format(
        out=out,
        labels=labels,
        more=('' if background else NO_BACKGROUND) + ('' if features else NO_FEATURES),
        long_side=long_side,
        device=device,
        workers=workers,
    )
    student = STUDENT.format(work_dir=f'{out}/student', label_dir=f'{out}/labels')
    return {'student.py': student, 'stages.py': list_}


def tag_texts(out: str, tags: str, device: str, **values) -> dict[str, str]:
    """Config of the segmenter, and the list of stages that leads to it.

    Args:
        out (str): Folder of the configs.
        tags (str): File of the tags.
        device (str): That labels.
        **values: As :func:`~.config_text.config_text` has them.

    Returns:
        dict[str, str]: File name to text.
    """
    values.update(
        work_dir=f'{out}/student',
        unscored='Scores need masks, which tags are not.',
    )
    list_ = TAG_STAGES.format(
        out=out,
        labels=tags,
        long_side=values['long_side'],
        device=device,
        workers=labellers(device, values['workers']),
        scales=label_scales(values['budget']),
        more='' if values['backbone'] is None else NO_FEATURES_LEARN,
    )
    student = config_text('labels', f'{out}/labels', False, **values)
    return {'student.py': student, 'stages.py': list_}


def labellers(device: str, workers: int) -> int:
    """Processes that label: a GPU is one machine, cores are several."""
    return 1 if device == 'cuda' else workers


def label_scales(budget: str) -> list[str]:
    """Sizes at which photographs are looked at for labels, as factors."""
    return ['0.75', '1.0', '1.5'] if budget == 'full' else ['1.0']
