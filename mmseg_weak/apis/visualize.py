"""Pictures of a checkpoint: panels as PNG files and one HTML report."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mmcv
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset, pseudo_collate
from mmengine.logging import print_log
from mmengine.registry import init_default_scope
from mmengine.runner import CheckpointLoader
from mmseg.registry import DATASETS, MODELS
from PIL import Image
from torch import nn

from .._files import replace_file
from ..datasets import ClickDataset, ImageTagDataset
from ..datasets.transforms import LoadClicks
from ..datasets.transforms.click_rows import click_xy
from ..models import CAMSegmentor
from ..visualization import WeakSegLocalVisualizer
from ..visualization.agreement import click_agreement, mean_iou, pixel_agreement
from ..visualization.heat import heat_tiles
from ..visualization.report import ReportEntry, report_html
from .dataset_settings import single_datasets
from .launch import require_checkpoint

NOTES = (
    'All numbers are percentages of one image. Teacher = student (or prediction = CAM): '
    'pixels with the same label in both. At clicks: clicks whose pixel got the clicked '
    'class. IoU: mean over the classes that occur in the prediction or the mask of the '
    'image, so its mean is not the mIoU of the data set.'
)
# What a data set of tags has instead of masks.
TAG_STEPS = dict(LoadAnnotations='LoadImageTags', PackSegInputs='PackWeakSegInputs')
SPLITS = ('train', 'val', 'test')


@dataclass
class VisualizeOptions:
    """What to show.

    Attributes:
        out (str): Folder of the panels (``panels/*.png``) and ``report.html``.
        teacher (str, optional): Checkpoint of another network to show as the teacher.
        split (str): ``train`` (clicks), ``val`` or ``test`` (masks).
        num_images (int): Images to draw from the split with ``seed``, >= 1.
        images (Sequence[str]): Ids to show instead.
        seed (int): Seed of the draw.
        device (str): Where to predict.

    Raises:
        ValueError: An option is out of its range.
    """

    out: str
    teacher: str | None = None
    split: str = 'val'
    num_images: int = 12
    images: Sequence[str] = ()
    seed: int = 0
    device: str = 'cpu'

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise ValueError(f'split must be one of {", ".join(SPLITS)}, got {self.split}')
        if self.num_images < 1:
            raise ValueError(f'num_images must be >= 1, got {self.num_images}')


def visualize(config: Config, checkpoint: str, options: VisualizeOptions) -> Path:
    """Predict images with every network of a checkpoint and write pictures.

    A checkpoint of :class:`~mmseg_weak.engine.hooks.EMATeacherHook` holds the teacher in
    ``state_dict`` and the student in ``ema_state_dict``: both are shown.

    Args:
        config (Config): Config of the checkpoint.
        checkpoint (str): Checkpoint file.
        options (VisualizeOptions): What to show.

    Returns:
        Path: The report.

    Raises:
        FileNotFoundError: A checkpoint or file of the data set is absent.
        ValueError: The checkpoint does not fit the config, or an image id is unknown.
    """
    init_default_scope(config.get('default_scope', 'mmseg'))
    states = load_networks(checkpoint, options.teacher)
    networks = {
        name: build_network(config, state, options.device) for name, state in states.items()
    }
    dataset = build_dataset(config, options.split)
    visualizer = WeakSegLocalVisualizer()
    visualizer.dataset_meta = dataset.metainfo
    entries = []
    chosen = choose_images(dataset, options)
    for number, index in enumerate(chosen, 1):
        entry = draw_entry(dataset, index, networks, visualizer)
        _save_png(Path(options.out) / 'panels' / f'{entry.name}.png', entry.panel)
        entries.append(entry)
        print_log(f'{number}/{len(chosen)} {entry.name}', logger='current')
    facts = dict(config=config.filename, checkpoint=checkpoint)
    if options.teacher:
        facts['teacher'] = options.teacher
    facts['networks'] = ', '.join(networks)
    facts['images'] = f'{len(entries)} of {len(dataset)} ({options.split})'
    title = f'{Path(config.filename).stem}: {options.split} images'
    classes = dataset.metainfo['classes']
    page = report_html(title, facts, classes, visualizer.palette, entries, NOTES)
    path = Path(options.out) / 'report.html'
    with replace_file(path) as temporary:
        temporary.write_text(page, encoding='utf-8')
    return path


def load_networks(checkpoint: str, teacher: str | None = None) -> dict[str, OrderedDict]:
    """State dicts of the networks in one or two checkpoints.

    Args:
        checkpoint (str): Checkpoint with or without an EMA state.
        teacher (str, optional): Second checkpoint whose ``state_dict`` is the teacher; the
            first then shows its student alone.

    Returns:
        dict: ``teacher`` and ``student``, or ``prediction`` alone, to state dict.

    Raises:
        FileNotFoundError: A checkpoint is absent.
        ValueError: A file is no checkpoint.
    """
    main = _load(checkpoint)
    tested = main.get('state_dict', main)
    student = OrderedDict(
        (key.removeprefix('module.'), value)
        for key, value in main.get('ema_state_dict', {}).items()
        if key.startswith('module.')
    )
    if teacher is not None:
        other = _load(teacher)
        return dict(teacher=other.get('state_dict', other), student=student or tested)
    return dict(teacher=tested, student=student) if student else dict(prediction=tested)


def _load(path: str) -> dict:
    require_checkpoint(path)
    try:
        loaded = CheckpointLoader.load_checkpoint(path, map_location='cpu')
    except (RuntimeError, EOFError, OSError) as error:
        raise ValueError(f'{path} is no complete checkpoint ({error})') from None
    if not isinstance(loaded, dict):
        raise ValueError(f'{path} is no checkpoint but a {type(loaded).__name__}')
    return loaded


def build_network(config: Config, state: OrderedDict, device: str) -> nn.Module:
    """Build the config's model with given weights, in eval mode.

    Raises:
        ValueError: The weights are of another model.
    """
    model = MODELS.build(config.model)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        reason = ' '.join(str(error).split())[:300]
        raise ValueError(
            f'the checkpoint does not fit the model of {config.filename}: {reason}'
        ) from None
    return model.to(device).eval()


def build_dataset(config: Config, split: str) -> BaseDataset:
    """The data set of a split, seen through the pipeline of validation.

    A data set of clicks or tags keeps these and gets no mask.

    Raises:
        ValueError: The config has no such data set.
    """
    loader = config.get(f'{split}_dataloader')
    tested = config.get('val_dataloader') or config.get('test_dataloader')
    if not loader:
        raise ValueError(
            f'{config.filename} has no {split}_dataloader to take images from; --split '
            'names another'
        )
    if not tested:
        raise ValueError(
            f'{config.filename} has neither val_dataloader nor test_dataloader, whose '
            'pipeline pictures are made with'
        )
    settings = loader.dataset.copy()
    while 'dataset' in settings:  # wrappers such as RepeatDataset
        settings = settings.dataset.copy()
    if 'datasets' in settings:
        raise ValueError(
            f'{config.filename}: {split}_dataloader joins {len(settings.datasets)} data '
            'sets; pictures are made of one, so set the dataloader to it by --cfg-options'
        )
    steps = next(single_datasets(tested.dataset)).pipeline
    pipeline = [dict(step) for step in steps]
    if split == 'train' and issubclass(DATASETS.get(settings.type), ClickDataset):
        pipeline = [step for step in pipeline if step['type'] != 'LoadAnnotations']
    if split == 'train' and issubclass(DATASETS.get(settings.type), ImageTagDataset):
        pipeline = [
            dict(step, type=TAG_STEPS.get(step['type'], step['type'])) for step in pipeline
        ]
        if all(step['type'] != 'LoadImageTags' for step in pipeline):
            pipeline.insert(-1, dict(type='LoadImageTags'))
    settings.pipeline = pipeline
    return DATASETS.build(settings)


def choose_images(dataset: BaseDataset, options: VisualizeOptions) -> list[int]:
    """Indices of the images to show, in the order of the data set.

    Raises:
        ValueError: An id is not in the data set.
    """
    if options.images:
        index = {image_name(dataset, i): i for i in range(len(dataset))}
        unknown = [name for name in options.images if name not in index]
        if unknown:
            raise ValueError(
                f'no image {unknown[0]!r} in the {options.split} split; its ids look like '
                f'{", ".join(list(index)[:3])}'
            )
        return [index[name] for name in options.images]
    order = np.random.default_rng(options.seed).permutation(len(dataset))
    return sorted(order[: options.num_images].tolist())


def image_name(dataset: BaseDataset, index: int) -> str:
    """Path of an image below the image folder, without the suffix."""
    path = Path(dataset.get_data_info(index)['img_path']).with_suffix('')
    folder = Path(dataset.data_prefix.get('img_path') or '.')
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.stem


@torch.no_grad()
def draw_entry(
    dataset: BaseDataset,
    index: int,
    networks: dict[str, nn.Module],
    visualizer: WeakSegLocalVisualizer,
) -> ReportEntry:
    """Predict one image and compose its panel and scores."""
    info = dataset.get_data_info(index)
    item = dataset[index]
    predictions, maps = {}, {}
    image = mmcv.imread(info['img_path'], channel_order='rgb')
    classes = dataset.metainfo['classes']
    for name, model in networks.items():
        output = model.test_step(pseudo_collate([item]))[0]
        predictions[name] = _label_map(output.pred_sem_seg)
        if 'pred_cam_sem_seg' in output:  # of a classification branch
            title = 'CAM' if len(networks) == 1 else f'{name} CAM'
            predictions[title] = _label_map(output.pred_cam_sem_seg)
        if isinstance(model, CAMSegmentor):
            scores = output.seg_logits.data.cpu().numpy()
            maps.update(heat_tiles(image, scores, classes, visualizer.background))
    mask = None
    if 'gt_sem_seg' in item['data_samples']:
        mask = item['data_samples'].gt_sem_seg.data[0].numpy().astype(np.uint8)
    clicks = labels = None
    if 'clicks' in info:  # placed in the image as training places them
        placed = LoadClicks()(dict(info, img=image))
        clicks, labels = click_xy(placed), placed['click_labels']
    tiles = {**maps, **predictions, **({} if mask is None else dict(mask=mask))}
    panel = visualizer.panel(
        image,
        tiles,
        clicks,
        labels,
        with_legend=False,
    )
    num_classes = len(classes)
    scores = {}
    if len(predictions) == 2:
        scores[' = '.join(predictions)] = pixel_agreement(*predictions.values())
    for name, predicted in predictions.items():
        if clicks is not None:
            scores[f'{name} at clicks'] = click_agreement(predicted, clicks, labels)
        if mask is not None:
            scores[f'{name} IoU'] = mean_iou(predicted, mask, num_classes)
    return ReportEntry(image_name(dataset, index), panel, scores)


def _label_map(sem_seg) -> np.ndarray:
    return sem_seg.data[0].cpu().numpy().astype(np.uint8)


def _save_png(path: Path, image: np.ndarray) -> None:
    with replace_file(path) as temporary:
        Image.fromarray(image).save(temporary)
