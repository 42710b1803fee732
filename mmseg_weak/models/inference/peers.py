"""Frozen networks of other architectures that teach a student."""

import os
from collections.abc import Mapping, Sequence

import torch
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from mmseg.utils import stack_batch
from torch import Tensor, nn

from ...checkpoints import read_checkpoint, require_same_data
from ...configs import read_config
from ..inputs.image_values import from_unit_rgb


def load_network(config: str, checkpoint: str) -> tuple[nn.Module, tuple[str, ...] | None]:
    """Build a trained segmentor, frozen and in eval mode, on the CPU.

    The state of the random generator stays as it was, so a resumed run that loads a peer
    anew draws the same numbers as one that went through.

    Args:
        config (str): Config file of the network.
        checkpoint (str): Its checkpoint; the tested weights (``state_dict``) are taken.

    Returns:
        tuple: The network, and the class names of its training set where the checkpoint
        knows them, else None.

    Raises:
        FileNotFoundError: A file is absent.
        ValueError: The checkpoint is damaged, not finite, of another architecture or of
            other normalisation.
    """
    for kind, path in (('config', config), ('checkpoint', checkpoint)):
        if not os.path.isfile(path):
            raise FileNotFoundError(f'peer: {kind} {path} does not exist')
    try:
        content, settings = read_checkpoint(checkpoint), read_config(config).model
        require_same_data(content, checkpoint, None, settings)
    except ValueError as error:
        raise ValueError(f'peer: {error}') from None
    with torch.random.fork_rng(devices=[]):
        model = MODELS.build(settings)
    try:
        model.load_state_dict(content.get('state_dict', content))
    except RuntimeError as error:
        reason = ' '.join(str(error).split())[:300]
        raise ValueError(
            f'peer: {checkpoint} is not a checkpoint of the model of {config}, perhaps of '
            f'another config: {reason} …'
        ) from None
    classes = ((content.get('meta') or {}).get('dataset_meta') or {}).get('classes')
    classes = None if classes is None else tuple(classes)
    return model.requires_grad_(False).eval(), classes


@torch.no_grad()
def predict_probabilities(
    model: nn.Module,
    images: Tensor,
    scale: float = 1.0,
    flip: bool = False,
    whole: bool = True,
) -> Tensor:
    """Probabilities of a network for images of one size.

    Args:
        model (nn.Module): mmseg segmentor in eval mode.
        images (Tensor): RGB in [0, 1], shape (N, 3, H, W).
        scale (float): Factor on height and width before the network. Defaults to 1.
        flip (bool): Show the mirrored image; the result is mirrored back.
        whole (bool): One forward for all; else as the network's ``test_cfg`` says, which
            may slide a window. Defaults to True.

    Returns:
        Tensor: Softmax of the upsampled logits (sigmoid of a single one), shape
        (N, C, H, W), float32.
    """
    size = tuple(images.shape[2:])
    scaled = tuple(max(1, round(side * scale)) for side in size)
    if scaled != size:
        images = resize(images, scaled, mode='bilinear', align_corners=False)
    inputs = from_unit_rgb(images.flip(3) if flip else images, model.data_preprocessor)
    padding = model.data_preprocessor.test_cfg or {}
    if padding:
        inputs = stack_batch(
            list(inputs),
            size=padding.get('size'),
            size_divisor=padding.get('size_divisor'),
            pad_val=model.data_preprocessor.pad_val,
        )[0]
    shape = tuple(inputs.shape[2:])
    metas = [dict(img_shape=shape, pad_shape=shape, ori_shape=shape) for _ in inputs]
    forward = model.encode_decode if whole else model.inference
    logits = forward(inputs, metas)[..., : scaled[0], : scaled[1]].float()
    if scaled != size:
        logits = resize(
            logits, size, mode='bilinear', align_corners=bool(model.align_corners)
        )
    logits = logits.flip(3) if flip else logits
    return logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(dim=1)


class PeerNetworks:
    """Frozen peers, loaded when first used.

    No ``nn.Module``, so its networks enter neither the ``state_dict`` nor the optimiser of
    the model that holds it, and copies of that model (the EMA teacher) share them.

    Args:
        peers (Sequence[dict]): ``dict(config='x.py', checkpoint='y.pth')`` of each.

    Raises:
        ValueError: An entry has other keys.
    """

    def __init__(self, peers: Sequence[Mapping]) -> None:
        for peer in peers:
            if not isinstance(peer, Mapping) or set(peer) != {'config', 'checkpoint'}:
                raise ValueError(
                    "a peer must be dict(config='x.py', checkpoint='y.pth'), got "
                    f'{dict(peer) if isinstance(peer, Mapping) else peer!r}'
                )
        self.peers = [dict(peer) for peer in peers]
        self._networks: list[nn.Module] | None = None

    def __len__(self) -> int:
        return len(self.peers)

    def __deepcopy__(self, memo: dict) -> 'PeerNetworks':
        return self

    def __getstate__(self) -> dict:
        return dict(self.__dict__, _networks=None)

    def networks(self, device: torch.device | str) -> list[nn.Module]:
        """The networks on a device.

        Raises:
            FileNotFoundError, ValueError: As :func:`load_network`; peers were trained on
                other classes than the first.
        """
        if self._networks is None:
            loaded = [load_network(**peer) for peer in self.peers]
            self._check_classes([classes for _, classes in loaded])
            self._networks = [network for network, _ in loaded]
        # Module.to is a walk over the parameters that moves nothing the second time.
        return [network.to(device) for network in self._networks]

    def probabilities(self, images: Tensor, num_classes: int) -> list[Tensor]:
        """One forward of every peer.

        Args:
            images (Tensor): RGB in [0, 1], shape (N, 3, H, W).
            num_classes (int): Number of classes C that each must predict.

        Returns:
            list[Tensor]: Shape (N, C, H, W) each, no gradient.

        Raises:
            ValueError: A peer predicts another number of classes.
        """
        probs = []
        for peer, network in zip(self.peers, self.networks(images.device)):
            probs.append(predict_probabilities(network, images))
            if probs[-1].shape[1] != num_classes:
                raise ValueError(
                    f'peer {peer["config"]} predicts {probs[-1].shape[1]} classes, the '
                    f'student {num_classes}'
                )
        return probs

    def _check_classes(self, classes: list[tuple[str, ...] | None]) -> None:
        for peer, names in zip(self.peers[1:], classes[1:]):
            if names and classes[0] and names != classes[0]:
                raise ValueError(
                    f'peers were trained on different classes: {peer["checkpoint"]} on '
                    f'{", ".join(names)}; {self.peers[0]["checkpoint"]} on '
                    f'{", ".join(classes[0])}'
                )
