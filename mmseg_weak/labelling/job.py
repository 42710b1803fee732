"""One job of labelling: prepare, label what is missing, score, report."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image

from .._files import write_json
from ..datasets.image_checks import image_sizes
from ..datasets.pseudo_label_folder import REPORT
from ..engine.console import tracked
from ..evaluation.pseudo_label_quality import PseudoLabelQuality
from .folder import LabelFolder
from .labellers.base import Labeller
from .pool import Ranks, map_images
from .sources import LabelSource, warn_of_large_images

REFUSED = 'refused.json'


@dataclass
class Job:
    """What labels what into which folder.

    Attributes:
        source (LabelSource): The images.
        labeller (Labeller): What labels them.
        folder (LabelFolder): Where labels go.
        ranks (Ranks): Processes of torchrun that share the images.
        workers (int): Processes of each rank, >= 1.
        device (str): Where the networks run.
        overwrite (bool): Replace what was made with other settings.
        outputs (list[LabelFolder]): Folders that get a file for every image.
    """

    source: LabelSource
    labeller: Labeller
    folder: LabelFolder
    ranks: Ranks
    workers: int = 1
    device: str = 'cpu'
    overwrite: bool = False
    outputs: list[LabelFolder] = field(default_factory=list)

    def add_output(self, folder: LabelFolder) -> None:
        """Prepare a folder that gets a file for every image.

        Raises:
            ValueError: It holds files that were made otherwise.
        """
        self.ranks.first(lambda: folder.prepare(self.overwrite))
        self.outputs.append(folder)

    def missing(self) -> list[int]:
        """Positions of the images without a file in one of the outputs."""
        images = self.source.images
        return sorted(set().union(*(output.missing(images) for output in self.outputs)))

    def map(
        self, factory: Callable, todo: Sequence[int], title: str, *args
    ) -> Iterator[object]:
        """Call a maker for this rank's share of the images, with a progress bar.

        Args:
            factory (Callable): ``factory(labeller, source, device, *args)(index)``.
            todo (Sequence[int]): Positions of images, the same in every rank.
            title (str): Of the bar.
            *args: More for the factory.

        Yields:
            object: What the maker returns, in the order of the share.
        """
        todo = self.ranks.share(todo)
        job = (self.labeller, self.source, self.ranks.device(self.device), *args)
        done = map_images(factory, job, todo, self.workers)
        hidden = not todo or self.ranks.rank > 0
        yield from tracked(done, title, len(todo), hidden)

    def report(self, masks: str | None = None) -> dict:
        """Coverage, class shares and refusals, and the quality where masks exist.

        Args:
            masks (str, optional): Folder of ``{img_id}.png``.

        Raises:
            FileNotFoundError: A mask or a label is absent.
            ValueError: A mask does not fit.
        """
        quality, refused = PseudoLabelQuality(self.source.classes), {}
        for i, image in enumerate(self.source.images):
            try:
                labels, reason = self.folder.read(image)
                mask = None if masks is None else self.source.mask(i, masks)
                quality.add(labels, mask)
            except ValueError as error:
                raise ValueError(f'image {image!r}: {error}') from None
            if reason:
                refused[image] = reason
        write_json(self.folder.path / REFUSED, refused)
        kinds = sorted(reason.split(':')[0] for reason in refused.values())
        report = dict(
            quality.summary(), refused={kind: kinds.count(kind) for kind in kinds}
        )
        report.update(self.labeller.finish(self))
        write_json(self.folder.path / REPORT, report)
        return report


class _Maker:
    """Label images and write what comes out, in one process."""

    def __init__(
        self, labeller: Labeller, source: LabelSource, device: str, folder: LabelFolder
    ) -> None:
        labeller.start(source, device)
        self.labeller, self.source, self.folder = labeller, source, folder

    def __call__(self, index: int) -> None:
        try:
            label = self.labeller(index)
        except ValueError as error:
            raise ValueError(f'{self.source.path(index)}: {error}') from None
        if self.labeller.long_side:
            label = label._replace(labels=self._in_own_size(index, label.labels))
        self.folder.write(self.source.images[index], *label)

    def _in_own_size(self, index: int, labels: np.ndarray) -> np.ndarray:
        size = image_sizes([self.source.path(index)])[0]
        image = Image.fromarray(labels.astype(np.uint8))
        return np.array(image.resize(tuple(size.tolist()), Image.Resampling.NEAREST))


def make_labels(
    config: Config,
    labeller: Labeller,
    out: str,
    workers: int = 1,
    device: str = 'cpu',
    masks: str | None = None,
    overwrite: bool = False,
) -> dict:
    """Label every image of a config's training set and report on the labels.

    Finished labels of an earlier call with the same settings stay. An image that the
    labeller refuses gets a label of 255 everywhere, and its reason stands in
    ``refused.json``. Under ``torchrun`` the ranks share the images; the folder must be on a
    file system that all of them see.

    Args:
        config (Config): Its ``train_dataloader`` names the images and what is known of
            them, see :class:`~mmseg_weak.labelling.sources.LabelSource`.
        labeller (Labeller): How.
        out (str): Folder of the PNGs, ``manifest.json``, ``report.json`` and
            ``refused.json``.
        workers (int): Processes of each rank, >= 1.
        device (str): Where the networks run; ``cuda`` under torchrun is the rank's own GPU.
        masks (str, optional): Folder with ``{img_id}.png`` masks to score the labels with;
            they are read after all labels are written.
        overwrite (bool): Replace labels that were made with other settings.

    Returns:
        dict: See :meth:`~mmseg_weak.evaluation.pseudo_label_quality.PseudoLabelQuality.\
summary`, and ``refused``, reason to number of images; also written to ``report.json``.

    Raises:
        FileNotFoundError: A file is absent.
        ValueError: An option is out of its range, a network or data set does not fit, or
            the folder holds other labels.
    """
    if workers < 1:
        raise ValueError(f'workers must be >= 1, got {workers}')
    if masks is not None and not Path(masks).is_dir():
        raise FileNotFoundError(f'folder of masks {masks} does not exist')
    _refuse_own_folder(labeller, Path(out))
    init_default_scope(config.get('default_scope', 'mmseg'))
    ranks = Ranks()  # first, so that one of them tells of the data set
    source = LabelSource(config, labeller.dataset_type, labeller.long_side)
    settings = dict(
        labeller=type(labeller).__name__,
        data=source.digest(),
        background=source.background,
        **labeller.settings(),
    )
    folder = LabelFolder(Path(out), settings, source.classes, source.palette)
    job = Job(source, labeller, folder, ranks, workers, device, overwrite)
    job.add_output(folder)
    if labeller.long_side is None:
        job.ranks.first(lambda: warn_of_large_images(source))
    labeller.prepare(job)
    for _ in job.map(_Maker, job.ranks.first(job.missing), 'pseudo-labels', folder):
        pass
    return job.ranks.first(lambda: job.report(masks))


def _refuse_own_folder(labeller: Labeller, out: Path) -> None:
    """Labels that are read must not be replaced meanwhile.

    Raises:
        ValueError: A folder to read is the one to write, or one lies in the other.
    """
    for option in labeller.reads:
        folder = getattr(labeller, option)
        if folder is None:
            continue
        read, written = Path(folder).resolve(), out.resolve()
        if read.is_relative_to(written) or written.is_relative_to(read):
            raise ValueError(
                f'{option} {folder} and out {out} must be two folders beside each other'
            )
