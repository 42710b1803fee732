"""Trained networks label the images of a click data set, offline."""

import copy
import hashlib
import json
import multiprocessing
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS
from rich.progress import track
from torch import nn

from .._files import write_json
from .._processes import die_with_parent
from ..datasets import ClickDataset
from ..datasets.mask_files import read_mask
from ..evaluation.pseudo_label_quality import PseudoLabelQuality
from ..models.peers import load_network, predict_probabilities
from ..models.teacher_logits import image_class_mask
from ..refinement import LabelRule, build_refinement, heterogeneous_label
from .label_folder import LabelFolder

# Steps of a training pipeline that stay: the image as it is, clicks rasterised on it.
KEPT_STEPS = ('LoadImageFromFile', 'LoadClicks', 'RasterizeClicks', 'PackWeakSegInputs')
IGNORE_INDEX = 255


@dataclass
class PseudoLabelOptions:
    """How labels are made.

    Attributes:
        out (str): Folder of the PNGs, ``manifest.json`` and ``report.json``.
        rule (LabelRule): Fusion, threshold and class restriction.
        refinement (dict, optional): See :func:`~mmseg_weak.refinement.build_refinement`.
        scales (Sequence[float]): Factors > 0 on the image size to average over.
        flip (bool): Average with the mirrored image at every scale.
        workers (int): Processes, >= 1.
        device (str): Where the networks run.
        masks (str, optional): Folder with ``{img_id}.png`` masks to score the labels with;
            they are read after all labels are written.
        overwrite (bool): Replace labels that were made with other settings.

    Raises:
        ValueError: An option is out of its range.
    """

    out: str
    rule: LabelRule = field(default_factory=LabelRule)
    refinement: dict | None = None
    scales: Sequence[float] = (0.75, 1.0, 1.25, 1.5)
    flip: bool = True
    workers: int = 1
    device: str = 'cpu'
    masks: str | None = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        if not self.scales or not all(0 < scale < float('inf') for scale in self.scales):
            raise ValueError(f'scales must be numbers > 0, got {self.scales}')
        if self.workers < 1:
            raise ValueError(f'workers must be >= 1, got {self.workers}')
        if self.masks is not None and not Path(self.masks).is_dir():
            raise FileNotFoundError(f'folder of masks {self.masks} does not exist')
        build_refinement(self.refinement)


def make_pseudo_labels(
    config: Config, peers: Sequence[Mapping], options: PseudoLabelOptions
) -> dict:
    """Label every image of a config's training set and report on the labels.

    Finished labels of an earlier call with the same settings stay.

    Args:
        config (Config): Its ``train_dataloader`` names the images and clicks.
        peers (Sequence[dict]): ``dict(config='x.py', checkpoint='y.pth')`` of each network.
        options (PseudoLabelOptions): How.

    Returns:
        dict: See :meth:`~mmseg_weak.evaluation.pseudo_label_quality.PseudoLabelQuality.\
summary`; also written to ``report.json``.

    Raises:
        FileNotFoundError: A file is absent.
        ValueError: There is no peer, a peer does not fit, or the folder holds other labels.
    """
    if not peers:
        raise ValueError('pseudo-labels need at least one peer')
    init_default_scope(config.get('default_scope', 'mmseg'))
    dataset, background = build_label_dataset(config)
    options = replace(options, rule=replace(options.rule, background=background))
    folder = LabelFolder(
        Path(options.out),
        _settings(dataset, peers, options),
        tuple(dataset.metainfo['classes']),
        np.array(dataset.metainfo['palette'], np.uint8),
    )
    folder.prepare(options.overwrite)
    images = [dataset.get_data_info(i)['img_id'] for i in range(len(dataset))]
    todo = folder.missing(images)
    if todo:
        done = _label_all(todo, dataset, peers, options, folder)
        for _ in track(done, 'pseudo-labels', total=len(todo)):
            pass
    report = score_folder(folder, images, dataset, options.masks)
    write_json(folder.path / 'report.json', report)
    return report


def build_label_dataset(config: Config) -> tuple[ClickDataset, int | None]:
    """The training set of a config without augmentation, and its background class.

    Raises:
        ValueError: It is no ``ClickDataset``, or its pipeline lacks a step.
    """
    settings = copy.deepcopy(config.train_dataloader.dataset)
    while 'dataset' in settings:  # wrappers such as RepeatDataset
        settings = settings.dataset
    if not issubclass(DATASETS.get(settings.type), ClickDataset):
        raise ValueError(
            f'{config.filename}: pseudo-labels need a training set with clicks, and '
            f'train_dataloader.dataset is a {settings.type}'
        )
    steps = [step for step in settings.pipeline if step['type'] in KEPT_STEPS]
    absent = set(KEPT_STEPS) - {step['type'] for step in steps}
    if absent:
        raise ValueError(
            f'{config.filename}: the pipeline of train_dataloader has no '
            f'{", ".join(sorted(absent))}'
        )
    settings.pipeline = steps
    background = next(
        step.get('background_index', 0) for step in steps if step['type'] == 'LoadClicks'
    )
    return DATASETS.build(settings), background


def _settings(
    dataset: ClickDataset, peers: Sequence[Mapping], options: PseudoLabelOptions
) -> dict:
    """Everything that a label depends on."""
    data = hashlib.sha256(repr(dataset.pipeline).encode())
    for i in range(len(dataset)):
        info = dataset.get_data_info(i)
        data.update(info['img_id'].encode())
        data.update(np.ascontiguousarray(info['clicks']).tobytes())
        data.update(np.ascontiguousarray(info['click_labels']).tobytes())
    return dict(
        peers=[_identity(**peer) for peer in peers],
        clicks=data.hexdigest(),
        **asdict(options.rule),
        refinement=options.refinement,
        scales=list(options.scales),
        flip=options.flip,
    )


def _identity(config: str, checkpoint: str) -> dict:
    """Names and hashes of a network's model and weights.

    Raises:
        FileNotFoundError: A file is absent.
    """
    for path in (config, checkpoint):
        if not os.path.isfile(path):
            raise FileNotFoundError(f'peer: {path} does not exist')
    model = Config.fromfile(config).model.to_dict()
    text = json.dumps(model, sort_keys=True, default=str)
    weights = hashlib.sha256()
    with open(checkpoint, 'rb') as file:
        while block := file.read(2**22):
            weights.update(block)
    return dict(
        config=Path(config).name,
        checkpoint=Path(checkpoint).name,
        model=hashlib.sha256(text.encode()).hexdigest(),
        weights=weights.hexdigest(),
    )


class _LabelMaker:
    """Labels one image after the other in one process."""

    def __init__(
        self,
        dataset: ClickDataset,
        peers: Sequence[Mapping],
        options: PseudoLabelOptions,
        folder: LabelFolder,
    ) -> None:
        init_default_scope('mmseg')
        self.dataset, self.options, self.folder = dataset, options, folder
        self.refine = build_refinement(options.refinement)
        self.networks = [self._load(peer).to(options.device) for peer in peers]

    def _load(self, peer: Mapping) -> nn.Module:
        network, trained_on = load_network(**peer)
        classes = self.folder.classes
        if trained_on not in (None, classes) or network.out_channels != len(classes):
            names = trained_on or [f'{network.out_channels} without names']
            raise ValueError(
                f'peer: {peer["checkpoint"]} was trained on the classes '
                f'{", ".join(names)}; the data set has {", ".join(classes)}'
            )
        return network

    def __call__(self, index: int) -> None:
        """Label the image at a position of the data set."""
        item = self.dataset[index]
        sample = item['data_samples']
        image = item['inputs'].flip(0)[None].to(self.options.device) / 255  # mmcv: BGR
        probs = [self._probabilities(network, image) for network in self.networks]
        rule = self.options.rule
        classes = image_class_mask([sample], probs[0].shape[1], rule.background)
        clicks = sample.gt_sem_seg.data.to(image.device)
        try:
            labels = heterogeneous_label(
                probs, classes, clicks, image, rule, self.refine
            ).labels
        except ValueError as error:
            raise ValueError(f'{sample.img_path}: {error}') from None
        self.folder.write(sample.img_id, labels[0].byte().cpu().numpy())

    def _probabilities(self, network: nn.Module, image: torch.Tensor) -> torch.Tensor:
        """Mean over scales and flips."""
        flips = (False, True) if self.options.flip else (False,)
        views = [(scale, flip) for scale in self.options.scales for flip in flips]
        total = 0
        for scale, flip in views:
            total = total + predict_probabilities(network, image, scale, flip, whole=False)
        return total / len(views)


def _label_all(todo: list[int], *job) -> Iterator[None]:
    """Label images, here or in several processes; yields after each."""
    workers = min(job[2].workers, len(todo))
    if workers == 1:
        yield from map(_LabelMaker(*job), todo)
        return
    start = (os.getpid(), max(1, torch.get_num_threads() // workers))
    # Not forked: threads of torch and a GPU do not survive a fork.
    pool = ProcessPoolExecutor(
        workers, multiprocessing.get_context('spawn'), _start_worker, (*start, *job)
    )
    try:
        yield from pool.map(_label_in_worker, todo, chunksize=4)
    except BrokenProcessPool:
        raise ValueError(
            'a worker was killed, perhaps for lack of memory; finished labels stay, call '
            'again with fewer workers'
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


_worker: list = []


def _start_worker(parent: int, threads: int, *job) -> None:
    """Remember the job; a mistake in it is raised with the first image, not here, where it
    would only break the pool."""
    die_with_parent(parent)
    torch.set_num_threads(threads)
    _worker[:] = [job]


def _label_in_worker(index: int) -> None:
    if isinstance(_worker[0], tuple):
        _worker[0] = _LabelMaker(*_worker[0])
    _worker[0](index)


def score_folder(
    folder: LabelFolder, images: Sequence[str], dataset: ClickDataset, masks: str | None
) -> dict:
    """Coverage and class shares of finished labels, and their quality where masks exist.

    Raises:
        FileNotFoundError: A mask is absent.
        ValueError: A mask does not fit.
    """
    quality = PseudoLabelQuality(folder.classes)
    for image in images:
        mask = None
        try:
            if masks is not None:
                mask = _trained_ids(read_mask(Path(masks) / f'{image}.png'), dataset)
            quality.add(read_mask(folder.file(image)), mask)
        except ValueError as error:
            raise ValueError(f'image {image!r}: {error}') from None
    return quality.summary()


def _trained_ids(mask: np.ndarray, dataset: ClickDataset) -> np.ndarray:
    """Relabel a mask as mmseg's ``LoadAnnotations`` does."""
    if mask.max(initial=0) > IGNORE_INDEX:
        raise ValueError(f'the mask holds {mask.max()}, ids end at 255')
    table = np.arange(256)
    if dataset.label_map is not None:
        table[list(dataset.label_map)] = list(dataset.label_map.values())
    if dataset.reduce_zero_label:
        table = table[np.concatenate([[IGNORE_INDEX], np.arange(254), [IGNORE_INDEX]])]
    return table[mask]
