"""A tag classifier labels images by its activation maps."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from rich.progress import track
from torch import Tensor

from .._files import write_json
from ..constants import IGNORE_INDEX
from ..datasets import ClickDataset, ImageTagDataset
from ..models import CAMSegmentor
from ..models.cam.activation_maps import SCALES, merge_maps
from ..models.cam.tags import class_labels, stack_tags
from ..models.inference.fast_convolutions import prepare_inference
from ..models.inputs.image_values import from_unit_rgb
from ..refinement.background_threshold import activation_histogram, background_threshold
from ..refinement.boundaries import strided_size
from ..refinement.cam_label import power_background
from .cam_folder import STRIDE, CamFolder
from .label_folder import LabelFolder
from .label_pool import map_images
from .network_labels import load_peer

SCORE_FILE = 'background_score.json'
# Images that the background score is chosen from, evenly spread over the data set.
NUM_SCORE_IMAGES = 500

__all__ = ['SCALES', 'CamLabeller', 'choose_background_score', 'is_cam_config']


def is_cam_config(config: str) -> bool:
    """Whether a config's model is a ``CAMSegmentor``."""
    model = MODELS.get(Config.fromfile(config).model.type)
    return isinstance(model, type) and issubclass(model, CAMSegmentor)


class CamMaker:
    """Activation maps of one image after the other in one process.

    Args:
        dataset (ImageTagDataset | ClickDataset): The images and their tags.
        peers (Sequence[dict]): One ``dict(config='x.py', checkpoint='y.pth')``.
        options (PseudoLabelOptions): Scales, flip and device.
        folder (LabelFolder): Knows the classes.
    """

    def __init__(
        self,
        dataset: ImageTagDataset | ClickDataset,
        peers: Sequence[Mapping],
        options,
        folder: LabelFolder,
    ) -> None:
        init_default_scope('mmseg')
        self.dataset, self.options, self.folder = dataset, options, folder
        network = load_peer(peers[0], folder.classes, options.device)
        self.network = prepare_inference(network)
        head = network.decode_head
        self.names = class_labels(head.num_foreground, head.background)

    @torch.inference_mode()
    def maps(self, index: int) -> tuple[SegDataSample, Tensor, list[Tensor], Tensor]:
        """Look at the image at a position of the data set.

        Returns:
            tuple: Its sample; the image, RGB in [0, 1], (1, 3, H, W); the maps of all
            classes (C, h, w) of each scale; the columns of those present.
        """
        item = self.dataset[index]
        sample, head = item['data_samples'], self.network.decode_head
        image = item['inputs'].flip(0)[None].to(self.options.device) / 255  # mmcv: BGR
        tags = stack_tags([sample], head.num_foreground, head.background)
        inputs = from_unit_rgb(image, self.network.data_preprocessor)
        maps, _ = self.network.activations(inputs, self.options.scales, self.options.flip)
        present = tags[0].nonzero()[:, 0].to(image.device)
        return sample, image, [level[0] for level in maps], present

    def merged(self, maps: list[Tensor], present: Tensor, size: tuple[int, int]) -> Tensor:
        """Normalised maps of the classes present, shape (n, H, W)."""
        return merge_maps(maps, present, tuple(size), self.network.align_corners)


class HistogramMaker(CamMaker):
    """Counts activations at every fourth pixel."""

    def __call__(self, index: int) -> np.ndarray:
        """Histogram of the image at a position of the data set."""
        _, image, maps, present = self.maps(index)
        size = strided_size(image.shape[2:], STRIDE)
        return activation_histogram(self.merged(maps, present, size).cpu().numpy())


class CamLabeller(CamMaker):
    """Labels images and, if asked to, stores their maps.

    Args:
        *job: As for :class:`CamMaker`.
        background_score (float, optional): The constant, None with a power.
        cams (CamFolder, optional): Where maps are stored.
    """

    def __init__(
        self, *job, background_score: float | None = None, cams: CamFolder | None = None
    ) -> None:
        super().__init__(*job)
        self.rule = self.options.cam_rule
        self.steps = self.rule.build_steps()
        self.background_score, self.cams = background_score, cams

    def __call__(self, index: int) -> None:
        """Label the image at a position of the data set."""
        sample, image, maps, present = self.maps(index)
        size, labels = tuple(image.shape[2:]), self.names.to(present.device)[present]
        cams = self.merged(maps, present, size)
        try:
            result = self._label(sample, image, cams, labels)
        except ValueError as error:
            raise ValueError(f'{sample.img_path}: {error}') from None
        if self.cams is not None:
            strided = self.merged(maps, present, strided_size(size, STRIDE))
            self.cams.write_cams(
                sample.img_id, strided.cpu().numpy(), labels.tolist(), size
            )
        self.folder.write(sample.img_id, result.byte().cpu().numpy())

    def _label(
        self, sample: SegDataSample, image: Tensor, cams: Tensor, labels: Tensor
    ) -> Tensor:
        rule, background = self.rule, self.background_score
        if rule.background_power is not None:
            background = power_background(cams, rule.background_power)
        result = rule.label(image, cams, labels, background, self.steps, sample.img_id)
        if 'gt_sem_seg' in sample:  # clicks of a ClickDataset
            clicks = sample.gt_sem_seg.data[0].to(result)
            result = torch.where(clicks == IGNORE_INDEX, result, clicks)
        return result


def make_cam_labeller(*job) -> CamLabeller:
    """Build a :class:`CamLabeller` in a worker; the last two of ``job`` are its own."""
    *job, background_score, cams = job
    return CamLabeller(*job, background_score=background_score, cams=cams)


def choose_background_score(job: tuple, settings: dict) -> float | None:
    """The constant that background competes with, chosen once for a folder of labels.

    Args:
        job (tuple): Arguments of :class:`CamMaker`.
        settings (dict): What it depends on; an earlier choice with the same is taken.

    Returns:
        float | None: In [0, 1]; None if background is no constant.
    """
    dataset, _, options, folder = job
    rule = options.cam_rule
    if rule.background_power is not None:
        return None
    if not rule.needs_histogram:
        return float(rule.background_score)
    text = json.dumps(settings, sort_keys=True, default=str)
    key = hashlib.sha256(text.encode()).hexdigest()
    path = Path(folder.path) / SCORE_FILE
    if path.is_file():
        earlier = json.loads(path.read_text())
        if earlier.get('key') == key:
            return earlier['background_score']
    count = min(NUM_SCORE_IMAGES, len(dataset))
    chosen = np.linspace(0, len(dataset) - 1, count).round().astype(int).tolist()
    counts = sum(
        track(
            map_images(HistogramMaker, job, chosen, options.workers),
            'background score',
            total=len(chosen),
        )
    )
    score = background_threshold(counts, rule.background_score)
    content = dict(
        background_score=score,
        rule=rule.background_score,
        images=count,
        key=key,
        histogram=counts.tolist(),
    )
    write_json(path, content)
    return score
