"""Pictures of labels and predictions: panels as PNG files and one HTML report."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset, Compose, pseudo_collate
from mmengine.logging import print_log
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from PIL import Image
from torch import nn

from .._files import replace_file
from .._ranges import Interval, check_ranges
from ..checkpoints import checkpoint_file, read_checkpoint, require_same_data
from ..evaluation.confusion import click_agreement, mean_iou, pixel_agreement
from ..models.declaration import declarations
from ..visualization import WeakSegLocalVisualizer
from ..visualization.panels import heat_tiles
from ..visualization.report import ReportEntry, report_html
from .shown_images import ShownImage, build_datasets, list_images, network_pipeline

NOTES = (
    'All numbers are percentages of one image. Teacher = student (or prediction = CAM): '
    'pixels with the same label in both. At clicks: clicks whose pixel got the clicked '
    'class. IoU: mean over the classes that occur in the prediction or the mask of the '
    'image, so its mean is not the mIoU of the data set. Labelled: pixels of the label or '
    'pseudo-label that are not unknown.'
)


@check_ranges
@dataclass
class VisualizeOptions:
    """What to show.

    Attributes:
        out (str): Folder of the panels (``panels/*.png``) and ``report.html``.
        teacher (str, optional): Checkpoint of another network to show as the teacher.
        split (str): ``train`` (clicks, tags, pseudo-labels), ``val`` or ``test`` (masks).
        num_images (int): Images to draw from the split with ``seed``, >= 1.
        images (Sequence[str]): Ids to show instead.
        seed (int): Seed of the draw.
        device (str): Where to predict.

    Raises:
        ValueError: An option is out of its range.
    """

    out: str
    teacher: str | None = None
    split: Literal['train', 'val', 'test'] = 'val'
    num_images: Annotated[int, Interval(1, says='>= 1')] = 12
    images: Sequence[str] = ()
    seed: int = 0
    device: str = 'cpu'


def visualize(config: Config, checkpoint: str | None, options: VisualizeOptions) -> Path:
    """Write pictures of images with their labels and what a checkpoint predicts.

    A checkpoint of :class:`~mmseg_weak.engine.hooks.EMATeacherHook` holds the teacher in
    ``state_dict`` and the student in ``ema_state_dict``: both are shown.

    Args:
        config (Config): Config of the checkpoint.
        checkpoint (str, optional): Checkpoint file; None shows the labels alone.
        options (VisualizeOptions): What to show.

    Returns:
        Path: The report.

    Raises:
        FileNotFoundError: A checkpoint or file of the data set is absent.
        ValueError: The checkpoint does not fit the config or the data, or an image id is
            unknown.
    """
    init_default_scope(config.get('default_scope', 'mmseg'))
    checkpoint = None if checkpoint is None else checkpoint_file(checkpoint)
    states = {} if checkpoint is None else load_networks(checkpoint, options.teacher)
    networks = {
        name: build_network(config, state, options.device) for name, state in states.items()
    }
    datasets = build_datasets(config, options.split)
    metainfo = datasets[0].metainfo
    for path in filter(None, (checkpoint, options.teacher)):
        content, flag = read_checkpoint(path), metainfo.get('reduce_zero_label')
        require_same_data(content, path, metainfo['classes'], config.model, flag)
    visualizer = WeakSegLocalVisualizer()
    visualizer.dataset_meta = metainfo
    pipeline = network_pipeline(config)
    chosen = choose_images(datasets, options)
    entries = []
    for number, image in enumerate(chosen, 1):
        entry = draw_entry(image, networks, pipeline, visualizer)
        _save_png(Path(options.out) / 'panels' / f'{entry.name}.png', entry.panel)
        entries.append(entry)
        print_log(f'{number}/{len(chosen)} {entry.name}', logger='current')
    facts = dict(config=config.filename, checkpoint=checkpoint, teacher=options.teacher)
    facts = {name: fact for name, fact in facts.items() if fact}
    facts['networks'] = ', '.join(networks) or 'none, labels only'
    total = sum(map(len, datasets))
    facts['images'] = f'{len(entries)} of {total} ({options.split})'
    title = f'{Path(config.filename).stem}: {options.split} images'
    palette = visualizer.palette
    page = report_html(title, facts, metainfo['classes'], palette, entries, NOTES)
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
        FileNotFoundError, ValueError: As :func:`~mmseg_weak.checkpoints.read_checkpoint`.
    """
    main = read_checkpoint(checkpoint)
    tested = main.get('state_dict', main)
    student = OrderedDict(
        (key.removeprefix('module.'), value)
        for key, value in main.get('ema_state_dict', {}).items()
        if key.startswith('module.')
    )
    if teacher is not None:
        other = read_checkpoint(teacher)
        return dict(teacher=other.get('state_dict', other), student=student or tested)
    return dict(teacher=tested, student=student) if student else dict(prediction=tested)


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


def choose_images(
    datasets: list[BaseDataset], options: VisualizeOptions
) -> list[ShownImage]:
    """The images to show, in the order of the data sets.

    Raises:
        ValueError: An id is not in the data sets.
    """
    images = list(list_images(datasets))
    if options.images:
        index = {image.name: image for image in images}
        unknown = [name for name in options.images if name not in index]
        if unknown:
            raise ValueError(
                f'no image {unknown[0]!r} in the {options.split} split; its ids look like '
                f'{", ".join(list(index)[:3])}'
            )
        return [index[name] for name in options.images]
    order = np.random.default_rng(options.seed).permutation(len(images))
    return [images[i] for i in sorted(order[: options.num_images])]


@torch.no_grad()
def draw_entry(
    image: ShownImage,
    networks: Mapping[str, nn.Module],
    pipeline: Compose,
    visualizer: WeakSegLocalVisualizer,
) -> ReportEntry:
    """Predict one image and compose its panel and scores.

    Args:
        image (ShownImage): The image.
        networks (Mapping[str, nn.Module]): By the names that pictures have as titles.
        pipeline (Compose): How networks see it.
        visualizer (WeakSegLocalVisualizer): With the classes of the data set.
    """
    pixels, sample = image.pixels(), image.labels()
    predictions, tiles = {}, {}
    for name, model in networks.items():
        output = model.test_step(pseudo_collate([image.seen_by(pipeline)]))[0]
        declared = declarations(model)
        predictions[name] = _label_map(output.pred_sem_seg)
        for title, key in declared.extra_predictions.items():
            title = title if len(networks) == 1 else f'{name} {title}'
            predictions[title] = _label_map(output.get(key))
        if declared.scores_are_maps:
            scores = output.seg_logits.data.cpu().numpy()
            classes = visualizer.dataset_meta['classes']
            tiles.update(heat_tiles(pixels, scores, classes, visualizer.background))
    labels = label_maps(sample)
    panel = visualizer.panel(
        pixels,
        {**tiles, **predictions, **labels},
        sample.metainfo.get('clicks'),
        sample.metainfo.get('click_labels'),
        with_legend=False,
        tags=sample.metainfo.get('image_classes'),
    )
    num_classes = len(visualizer.dataset_meta['classes'])
    scores = _scores(predictions, sample, labels, num_classes)
    return ReportEntry(image.name, panel, scores)


def label_maps(sample: SegDataSample) -> dict[str, np.ndarray]:
    """Label maps of a sample by title, (H, W) uint8; clicks are none.

    Args:
        sample (SegDataSample): As a data set gives it.
    """
    maps = {}
    if 'pseudo_sem_seg' in sample:
        maps['pseudo-label'] = _label_map(sample.pseudo_sem_seg)
    if 'gt_sem_seg' in sample and 'clicks' not in sample.metainfo:
        maps['mask'] = _label_map(sample.gt_sem_seg)
    return maps


def _scores(
    predictions: Mapping[str, np.ndarray],
    sample: SegDataSample,
    labels: Mapping[str, np.ndarray],
    num_classes: int,
) -> dict[str, float]:
    """Numbers beside the picture, in percent."""
    scores = {}
    if len(predictions) == 2:
        scores[' = '.join(predictions)] = pixel_agreement(*predictions.values())
    meta = sample.metainfo
    for name, found in predictions.items():
        if 'clicks' in meta:
            args = found, meta['clicks'], meta['click_labels']
            scores[f'{name} at clicks'] = click_agreement(*args)
        if 'mask' in labels:
            scores[f'{name} IoU'] = mean_iou(found, labels['mask'], num_classes)
    if not predictions:
        for name, found in labels.items():
            scores[f'{name} labelled'] = float(100 * (found < num_classes).mean())
    return scores


def _label_map(sem_seg) -> np.ndarray:
    return sem_seg.data[0].cpu().numpy().astype(np.uint8)


def _save_png(path: Path, image: np.ndarray) -> None:
    with replace_file(path) as temporary:
        Image.fromarray(image).save(temporary)
