"""Trained networks that label."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from torch import Tensor, nn

from .. import config_path
from .._files import file_digest
from ..checkpoints import checkpoint_file
from ..configs import read_config
from ..models.inference.peers import load_network, predict_probabilities


class Network(NamedTuple):
    """A trained network.

    Attributes:
        config (str): Config file.
        checkpoint (str): Its weights.
    """

    config: str
    checkpoint: str

    @classmethod
    def of(cls, value: 'Network | Mapping | Iterable[str]') -> 'Network':
        """From ``dict(config='x.py', checkpoint='y.pth')`` or a pair of names.

        A config that is no file may be a shipped one. The folder of a training means its
        newest checkpoint.

        Raises:
            FileNotFoundError: A folder without a checkpoint.
            ValueError: It is neither.
        """
        try:
            network = cls(**value) if isinstance(value, Mapping) else cls(*value)
        except TypeError:
            raise ValueError(
                f'a network is a config and a checkpoint, got {value!r}'
            ) from None
        with contextlib.suppress(FileNotFoundError):  # told when it is read
            network = network._replace(config=config_path(network.config))
        return network._replace(checkpoint=checkpoint_file(network.checkpoint))

    def identity(self) -> dict[str, str]:
        """Names, and hashes of the model's config and of the weights.

        Raises:
            FileNotFoundError: A file is absent.
        """
        for path in self:
            if not os.path.isfile(path):
                raise FileNotFoundError(f'peer: {path} does not exist')
        model = read_config(self.config).model.to_dict()
        text = json.dumps(model, sort_keys=True, default=str)
        return dict(
            config=Path(self.config).name,
            checkpoint=Path(self.checkpoint).name,
            model=hashlib.sha256(text.encode()).hexdigest(),
            weights=file_digest(self.checkpoint),
        )


def load_peer(peer: Network, classes: tuple[str, ...], device: str) -> nn.Module:
    """Load a network and check its classes.

    Args:
        peer (Network): The network.
        classes (tuple[str, ...]): Those it must know, in this order.
        device (str): Where it goes.

    Returns:
        nn.Module: The network in eval mode. One with a single output, the probability of
        the second of two classes, is accepted as well.

    Raises:
        FileNotFoundError, ValueError: As
            :func:`~mmseg_weak.models.inference.peers.load_network`, or the classes differ.
    """
    network, trained_on = load_network(*peer)
    binary = network.out_channels == 1 and len(classes) == 2
    fits = binary or network.out_channels == len(classes)
    if trained_on not in (None, classes) or not fits:
        names = trained_on or [f'{network.out_channels} without names']
        raise ValueError(
            f'peer: {peer.checkpoint} was trained on the classes '
            f'{", ".join(names)}; the data set has {", ".join(classes)}'
        )
    return network.to(device)


def mean_probabilities(
    network: nn.Module, image: Tensor, scales: Sequence[float], flip: bool
) -> Tensor:
    """Mean over scales and mirror images.

    Args:
        network (nn.Module): mmseg segmentor in eval mode.
        image (Tensor): RGB in [0, 1], shape (1, 3, H, W).
        scales (Sequence[float]): Factors > 0 on the image size.
        flip (bool): Also see the mirrored image at every scale.

    Returns:
        Tensor: Shape (1, C, H, W), in [0, 1].
    """
    views = [(scale, flipped) for scale in scales for flipped in (False, True)[: 1 + flip]]
    total = 0
    for view in views:
        total = total + predict_probabilities(network, image, *view, whole=False)
    return total / len(views)
