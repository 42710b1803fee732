"""One or several trained segmentors label an image."""

from collections.abc import Mapping, Sequence

import torch
from mmengine.registry import init_default_scope
from torch import nn

from ..constants import IGNORE_INDEX
from ..datasets import ClickDataset
from ..models.inference.fast_convolutions import prepare_inference
from ..models.inference.peers import load_network, predict_probabilities
from ..models.seminar.teacher_logits import image_class_mask
from ..refinement import build_refinement, heterogeneous_label
from .label_folder import LabelFolder

SCALES = (0.75, 1.0, 1.25, 1.5)


def load_peer(peer: Mapping, classes: tuple[str, ...], device: str) -> nn.Module:
    """Load a network and check its classes.

    Raises:
        FileNotFoundError, ValueError: As
            :func:`~mmseg_weak.models.inference.peers.load_network`, or the classes differ.
    """
    network, trained_on = load_network(**peer)
    if trained_on not in (None, classes) or network.out_channels != len(classes):
        names = trained_on or [f'{network.out_channels} without names']
        raise ValueError(
            f'peer: {peer["checkpoint"]} was trained on the classes '
            f'{", ".join(names)}; the data set has {", ".join(classes)}'
        )
    return network.to(device)


class NetworkLabeller:
    """Labels one image after the other in one process.

    Args:
        dataset (ClickDataset): The images.
        peers (Sequence[dict]): ``dict(config='x.py', checkpoint='y.pth')`` of each.
        options (PseudoLabelOptions): How.
        folder (LabelFolder): Where to.
    """

    def __init__(
        self,
        dataset: ClickDataset,
        peers: Sequence[Mapping],
        options,
        folder: LabelFolder,
    ) -> None:
        init_default_scope('mmseg')
        self.dataset, self.options, self.folder = dataset, options, folder
        self.refine = build_refinement(options.refinement)
        self.networks = [
            prepare_inference(load_peer(peer, folder.classes, options.device))
            for peer in peers
        ]

    def __call__(self, index: int) -> None:
        """Label the image at a position of the data set."""
        item = self.dataset[index]
        sample = item['data_samples']
        image = item['inputs'].flip(0)[None].to(self.options.device) / 255  # mmcv: BGR
        probs = [self._probabilities(network, image) for network in self.networks]
        rule = self.options.rule
        classes = image_class_mask([sample], probs[0].shape[1], rule.background)
        clicks = torch.full((1, *image.shape[2:]), IGNORE_INDEX, device=image.device)
        if 'gt_sem_seg' in sample:  # an image of tags has no clicks
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
