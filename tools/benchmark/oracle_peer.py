"""Labels with a promptable model that is always right: an oracle as peer.

    python tools/benchmark/oracle_peer.py CONFIG CHECKPOINT --masks data/…/SegmentationClass

The oracle has the interface of SAM 2 and reads the masks of the training images, which
nothing else does and no training may. It offers the object under a positive prompt; the
whole image, of which it says to be surest; and a disc around the prompt. A merging oracle
takes neighbours of all classes for one object, until negative prompts cut theirs off. The
network of CONFIG labels alone and beside the oracle, through ``mmseg-weak label`` and as
peer of a student on crops, of which those with a click on an object are scored.
"""

import argparse
import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from measure import table_line
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS, MODELS
from PIL import Image
from scipy import ndimage
from torch import Tensor, nn

from mmseg_weak._files import write_json
from mmseg_weak._tensors import evenly_spread
from mmseg_weak.evaluation.pseudo_label_quality import PseudoLabelQuality
from mmseg_weak.labelling import PromptableLabeller, SegmentorLabeller
from mmseg_weak.labelling.sources import LabelSource
from mmseg_weak.models import HeterogeneousPseudoLabelHead
from mmseg_weak.models.promptable import PromptableNetwork

SIDE = 256  # of the oracle's masks, as SAM's
VIEWS = dict(scales=(1.0,), flip=False)


class Oracle(nn.Module):
    """SAM's interface over the mask of the image at hand.

    Attributes:
        mask (np.ndarray): (H, W) class ids, 255 ignored; set before an image is labelled.
        merges (bool): Whether objects of several classes are one, without negatives.
        heeds_negatives (bool): Whether negative prompts cut.
    """

    def __init__(self, merges: bool = False, heeds_negatives: bool = True) -> None:
        super().__init__()
        encoder = SimpleNamespace(image_size=SIDE)
        self.config = SimpleNamespace(model_type='sam2', prompt_encoder_config=encoder)
        self.merges, self.heeds_negatives = merges, heeds_negatives
        self.mask = np.zeros((1, 1), int)

    def get_image_embeddings(self, values: Tensor) -> list[Tensor]:
        """The mask instead of an embedding, (SIDE, SIDE)."""
        mask = Image.fromarray(self.mask.astype(np.uint8))
        small = np.array(mask.resize((SIDE, SIDE), Image.Resampling.NEAREST))
        return [torch.from_numpy(small)]

    def forward(
        self,
        image_embeddings: list[Tensor],
        input_points: Tensor,
        input_labels: Tensor,
        multimask_output: bool,
    ) -> SimpleNamespace:
        """Three masks of each prompt: of the image, of the object, of a disc."""
        mask = image_embeddings[0].numpy().astype(int)
        asked = zip(input_points[0].tolist(), input_labels[0].tolist())
        masks = torch.stack([self.masks(mask, *one) for one in asked])
        quality = torch.tensor([0.99, 0.8, 0.7]).expand(len(masks), 3)
        return SimpleNamespace(pred_masks=masks[None] * 20 - 10, iou_scores=quality[None])

    def masks(self, mask: np.ndarray, points: list, labels: list) -> Tensor:
        """Masks of the points of a prompt, (3, SIDE, SIDE)."""
        places = np.array(points).round().astype(int)[:, ::-1].clip(0, SIDE - 1)
        inside = [tuple(p) for p, one in zip(places, labels) if one == 1]
        outside = [tuple(p) for p, one in zip(places, labels) if one == 0]
        thing = ~np.isin(mask, (0, 255))
        if not self.merges:
            thing &= np.isin(mask, [mask[p] for p in inside])
        if self.heeds_negatives:
            thing &= ~np.isin(mask, [mask[p] for p in outside])
        parts, _ = ndimage.label(thing, np.ones((3, 3)))
        blob = thing & np.isin(parts, [parts[p] for p in inside])
        rows, columns = np.mgrid[:SIDE, :SIDE]
        disc = np.hypot(rows - inside[0][0], columns - inside[0][1]) < 4
        return torch.from_numpy(np.stack([np.ones_like(blob), blob, disc])).float()


class OracleLabeller(PromptableLabeller):
    """Asks the oracle with the mask of each image; the masks lie in ``masks``."""

    masks: str
    oracle: Oracle

    def _load(self) -> PromptableNetwork:
        return PromptableNetwork(self.oracle)

    def __call__(self, index: int) -> np.ndarray:
        """Label the image at a position."""
        self._network.model.mask = self._source.mask(index, self.masks)
        return super().__call__(index)


def at_masks_of(mask: np.ndarray) -> np.ndarray:
    """What masks of the oracle's size give: each class through SIDE x SIDE and back."""
    small = Image.fromarray(mask.astype(np.uint8)).resize((SIDE, SIDE), 0)
    classes = [c for c in np.unique(mask) if c != 255]
    maps = torch.stack([torch.from_numpy(np.array(small) == c) for c in classes])
    maps = nn.functional.interpolate(maps[None].float(), mask.shape, mode='bilinear')
    return np.array(classes)[maps[0].argmax(dim=0).numpy()]


def label_rows(
    source: LabelSource, peer: tuple | None, masks: str, chosen: list
) -> Iterator[tuple]:
    """Quality of labels of whole images, by what makes them; without a peer of oracles."""
    # A threshold of 0.5 leaves the word to the surer of two peers.
    one = dict(model='oracle', threshold=0.5, **VIEWS)
    forms = {}
    if peer is not None:
        network = SegmentorLabeller(peers=[peer], threshold=0.5, **VIEWS)
        forms['network alone'] = network, None
        forms['network and oracle'] = OracleLabeller(peers=[peer], **one), Oracle()
    forms['oracle alone'] = OracleLabeller(**one), Oracle()
    forms['merging oracle alone'] = OracleLabeller(**one), Oracle(True)
    name = 'merging oracle alone, without negatives'
    forms[name] = OracleLabeller(**one), Oracle(True, False)
    for name, (labeller, oracle) in forms.items():
        labeller.oracle = oracle
        labeller.masks = masks
        labeller.start(source, 'cpu')
        quality = PseudoLabelQuality(source.classes)
        for index in chosen:
            quality.add(labeller(index).labels, source.mask(index, masks))
        yield name, quality.summary()
    quality = PseudoLabelQuality(source.classes)
    for index in chosen:
        mask = source.mask(index, masks)
        quality.add(at_masks_of(mask), mask)
    yield f'the masks themselves, through {SIDE} x {SIDE}', quality.summary()


def crop_rows(
    config: Config, source: LabelSource, peer: tuple, masks: str, chosen: list
) -> Iterator[tuple]:
    """Quality of the labels that a student's crops get."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for i in chosen:
            file = root / f'{source.images[i]}.png'
            Image.fromarray(source.mask(i, masks).astype(np.uint8)).save(file)
        write_json(root / 'manifest.json', dict(classes=source.classes, settings={}))
        (root / 'list.txt').write_text('\n'.join(source.images[i] for i in chosen))
        settings = dict(config.train_dataloader.dataset, pseudo_label_dir=folder)
        dataset = DATASETS.build(dict(settings, ann_file=str(root / 'list.txt')))
        preprocessor = MODELS.build(config.model.data_preprocessor)
        network = dict(zip(('config', 'checkpoint'), peer))
        forms = {'network alone': None, 'network and oracle': dict(model='oracle')}
        for name, asked in forms.items():
            head = HeterogeneousPseudoLabelHead([network], threshold=0.5, promptable=asked)
            if asked:
                head.promptable._network = PromptableNetwork(Oracle())
            quality = PseudoLabelQuality(source.classes)
            np.random.seed(0)
            for sample in map(dataset.__getitem__, range(len(dataset))):
                clicked = sample['data_samples'].gt_sem_seg.data
                if ((clicked > 0) & (clicked < 255)).any():
                    made = student_labels(head, sample, preprocessor, source.classes)
                    quality.add(*made)
            yield f'{name}, on crops', quality.summary()


def student_labels(head, sample: dict, preprocessor, classes) -> tuple:
    """Labels that a head makes of a crop, and the mask of the crop, (H, W) each."""
    batch = preprocessor(
        dict(inputs=[sample['inputs']], data_samples=[sample['data_samples']]), True
    )
    samples = batch['data_samples']
    mask = samples[0].pseudo_sem_seg.data[0].numpy()
    if head.promptable is not None:
        height, width = sample['inputs'].shape[1:]
        head.promptable.network('cpu').model.mask = mask[:height, :width]
    clicks = torch.stack([one.gt_sem_seg.data[0] for one in samples])
    asked = (len(classes), batch['inputs'], clicks, samples, preprocessor)
    return head._online(*asked).labels[0].numpy().astype(np.uint8), mask


def print_table(config: str, checkpoint: str, masks: str, images: int) -> None:
    """Measure and print a row for each labeller."""
    init_default_scope('mmseg')
    peer, config = (config, checkpoint), Config.fromfile(config)
    source = LabelSource(config)
    chosen = evenly_spread(len(source), images)
    whole = label_rows(source, peer, masks, chosen)
    for name, found in chain(whole, crop_rows(config, source, peer, masks, chosen)):
        numbers = (found['mIoU'], found['accuracy'], found['coverage'])
        print(table_line([name, *(f'{n:.1f}' for n in numbers)]), flush=True)


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('--masks', required=True, help='folder of PNGs')
    parser.add_argument('--images', type=int, default=200, help='so many, evenly taken')
    told = parser.parse_args()
    print(table_line(['labels of', 'mIoU', 'accuracy', 'coverage']))
    print(table_line(['---'] * 4))
    print_table(told.config, told.checkpoint, told.masks, told.images)
