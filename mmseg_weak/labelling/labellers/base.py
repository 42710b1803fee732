"""What every labeller is."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from ...refinement.interface import Refinement, build_refinement
from ...registry import REFINEMENTS as REGISTRY
from ..networks import Network
from ..sources import LabelSource

if TYPE_CHECKING:
    from ..job import Job

# Names on the command line of what is registered by another name.
REFINEMENTS = dict(par='PixelAdaptiveRefinement', crf='dense_crf', geodesic='EdgeGeodesic')


class Label(NamedTuple):
    """What a labeller says of an image.

    Attributes:
        labels (np.ndarray): (H, W) class indices of the data set, 255 unknown.
        refused (str, optional): Why there is no label; ``labels`` are 255 then. What
            stands before a colon is counted in the report.
    """

    labels: np.ndarray
    refused: str | None = None


@dataclass
class Labeller:
    """Networks that label one image after the other.

    A subclass is a dataclass in ``mmseg_weak.registry.LABELLERS``. Its fields are its
    options: those of a label config, and the flags of the command line, whose help is read
    from the docstring. It implements :meth:`start` and :meth:`__call__`.

    Attributes:
        peers (Sequence[Network]): The networks; a labeller may do without.
        scales (Sequence[float]): Factors > 0 on the image size to average over.
        flip (bool): Average with the mirrored image at every scale.
        long_side (int, optional): Pixels of the long side at which images are labelled;
            labels come back in the size of the image. Its own size without.

    Raises:
        ValueError: An option is out of its range.
    """

    peers: Sequence[Network] = ()
    scales: Sequence[float] = (1.0,)
    flip: bool = True
    long_side: int | None = None

    makes: ClassVar[str] = 'labels'
    # Options that change no label.
    aside: ClassVar[tuple[str, ...]] = ()
    # Options that name a folder of labels to read.
    reads: ClassVar[tuple[str, ...]] = ()
    # Flags that are not called like their option.
    flags: ClassVar[Mapping[str, str]] = {}
    # Label data sets of this class alone; None takes any.
    dataset_type: ClassVar[type | None] = None

    def __post_init__(self) -> None:
        self.peers = [Network.of(peer) for peer in self.peers]
        self.scales = tuple(self.scales)
        if not self.scales or not all(0 < scale < float('inf') for scale in self.scales):
            raise ValueError(f'scales must be numbers > 0, got {self.scales}')
        if self.long_side is not None and self.long_side < 1:
            raise ValueError(f'long_side must be >= 1, got {self.long_side}')

    @classmethod
    def suits(cls, given: Collection[str]) -> bool:
        """Whether options on a command line mean this labeller, where none is named."""
        return False

    @property
    def data(self) -> str:
        """Config whose training set is labelled, unless another is given.

        Raises:
            ValueError: There is no network.
        """
        if not self.peers:
            raise ValueError('no network says which images: give --data CONFIG')
        return self.peers[0].config

    def settings(self) -> dict[str, Any]:
        """Options that a label depends on, in plain types; networks as their hashes.

        Without a long side there is no such setting, as in earlier label folders.

        Raises:
            FileNotFoundError: A network is absent.
        """
        names = [field.name for field in fields(self) if field.name not in self.aside]
        found = {name: _plain(getattr(self, name)) for name in names}
        return {k: v for k, v in found.items() if k != 'long_side' or v is not None}

    def prepare(self, job: 'Job') -> None:
        """Check what depends on the images, and do what comes before the first of them.

        Called once in every rank, see :class:`~mmseg_weak.labelling.job.Job`.
        """

    def start(self, source: LabelSource, device: str) -> None:
        """Load the networks; called once in each process that labels.

        Args:
            source (LabelSource): The images.
            device (str): Where the networks run.
        """
        raise NotImplementedError

    def __call__(self, index: int) -> Label:
        """Label the image at a position of the source."""
        raise NotImplementedError

    def finish(self, job: 'Job') -> dict[str, Any]:
        """Called once all labels are written; what it returns is added to the report."""
        return {}


def refinement_steps(
    refinement: str | Mapping | Sequence[Mapping], options: Mapping
) -> list[dict]:
    """Configs of refinements, one after the other, from their names.

    Args:
        refinement (str | dict | list): ``none``, ``par``, ``crf``, ``geodesic``, the name
            of a registered one, several joined by ``+``; or its config, or several.
        options (Mapping): Of a single refinement.

    Raises:
        ValueError: A name is unknown, or there are options and not one refinement.
    """
    if isinstance(refinement, str):
        names = [] if refinement == 'none' else refinement.split('+')
        known = {*REFINEMENTS, *REGISTRY.module_dict}
        if unknown := [name for name in names if name not in known]:
            raise ValueError(
                f'unknown refinement {unknown[0]!r}: choose none, {", ".join(REFINEMENTS)} '
                f'or {", ".join(sorted(known - {*REFINEMENTS}))}'
            )
        refinement = [dict(type=REFINEMENTS.get(name, name)) for name in names]
    steps = [refinement] if isinstance(refinement, Mapping) else list(refinement)
    if options and len(steps) != 1:
        raise ValueError(
            f'refinement_options are those of one refinement such as par or crf, not of '
            f'{len(steps)}; a label config can give options to each of several'
        )
    return [dict(step, **options) for step in steps]


def named_refinement(
    refinement: str | Mapping | Sequence[Mapping], options: Mapping
) -> Refinement | None:
    """The refinement of :func:`refinement_steps`, None for ``none``."""
    steps = refinement_steps(refinement, options)
    return build_refinement(steps) if steps else None


def _plain(value: Any) -> Any:
    if isinstance(value, Network):
        return value.identity()
    if is_dataclass(value):
        return asdict(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
