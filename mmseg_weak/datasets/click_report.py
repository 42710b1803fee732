"""What a click data set holds, told once at the start."""

from collections.abc import Sequence

import numpy as np

from .click_table import ClickTable

REASONS = {
    'not_in_split': 'of images of other lists',
    'ignored_class': 'class not among the classes trained',
    'outside_image': 'outside the image',
    'max_rank': 'rank above max_rank',
    'clicks_per_class': 'beyond clicks_per_class',
    'image_fraction': 'left out by image_fraction',
    'click_fraction': 'left out by click_fraction',
}
# So many clicks outside their image are named.
EXAMPLES = 3


def clicked_pixels(clicks: ClickTable) -> tuple[int, int]:
    """Count distinct clicked pixels and those with contradicting classes.

    Returns:
        tuple[int, int]: Number of clicked pixels, number of contradictions.
    """
    if not len(clicks):
        return 0, 0
    column, row = np.floor(clicks.xy).astype(np.int64).T
    order = np.lexsort((clicks.label, column, row, clicks.image_index))
    rows = (clicks.image_index[order], row[order], column[order])
    new = np.ones(len(order), dtype=bool)
    new[1:] = np.logical_or.reduce([np.diff(values) != 0 for values in rows])
    other = np.zeros(len(order), dtype=bool)  # another class than the one before it
    other[1:] = ~new[1:] & (np.diff(clicks.label[order]) != 0)
    pixel = np.cumsum(new) - 1
    return int(new.sum()), int((np.bincount(pixel, weights=other) > 0).sum())


class ReportCounter:
    """Counts for the report, of clicks that come image by image.

    Args:
        classes (Sequence[str]): Class names.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = classes
        self.dropped = dict.fromkeys(REASONS, 0)
        self.examples: list[str] = []
        self._counts = np.zeros(len(classes), dtype=np.int64)
        self._sums = np.zeros(6, dtype=np.int64)

    def add(self, clicks: ClickTable, outside: ClickTable | None = None) -> None:
        """Take all clicks of some images.

        Args:
            clicks (ClickTable): Those that are used, labels as trained.
            outside (ClickTable, optional): Those outside their image.
        """
        yes = clicks.select(~clicks.negative)
        self._counts += np.bincount(yes.label, minlength=len(self.classes))
        self._sums += (
            len(clicks),
            len(np.unique(clicks.image_index)),
            clicks.negative.sum(),
            clicks.is_line().sum(),
            *clicked_pixels(yes),
        )
        if outside is not None and len(self.examples) < EXAMPLES:
            shown = zip(outside.image[:EXAMPLES], outside.xy)
            self.examples += [f'({x:g}, {y:g}) of {image}' for image, (x, y) in shown]

    @property
    def clicks(self) -> int:
        """Number of clicks so far."""
        return int(self._sums[0])

    def report(self, images: int, sizes: np.ndarray | None) -> dict:
        """The numbers of the report.

        Args:
            images (int): Number of images of the data set.
            sizes (np.ndarray, optional): (n, 2) their sizes, None when unknown.

        Returns:
            dict: ``images``, ``clicks``, ``clicks_per_class`` (name to count),
            ``images_without_clicks``, ``dropped``, ``contradicting_pixels``,
            ``labelled_share`` (of all pixels, None without sizes; of scribbles their first
            points), ``negative`` (marks that say "not this class"), ``scribbles`` and
            ``outside_examples`` (up to three, as text).
        """
        clicks, clicked, negative, lines, pixels, contradicting = self._sums.tolist()
        total = None if sizes is None else max(1, int(sizes.prod(1).sum()))
        return dict(
            images=images,
            clicks=clicks,
            clicks_per_class=dict(zip(self.classes, self._counts.tolist())),
            images_without_clicks=images - clicked,
            dropped=dict(self.dropped),
            contradicting_pixels=contradicting,
            negative=negative,
            scribbles=lines,
            labelled_share=None if total is None else pixels / total,
            outside_examples=self.examples[:EXAMPLES],
        )


def format_report(report: dict) -> str:
    """The report as text for the log."""
    lines = [
        f'{report["clicks"]} clicks on {report["images"]} images, '
        f'{report["images_without_clicks"]} images without clicks',
        'clicks per class: '
        + ', '.join(f'{c} {n}' for c, n in report['clicks_per_class'].items()),
    ]
    for key, text in (('scribbles', 'are scribbles'), ('negative', 'say "not this class"')):
        if report[key]:
            lines.append(f'of these {report[key]} {text}')
    counts = dict(report['dropped'])
    elsewhere = counts.pop('not_in_split', 0)
    if elsewhere:  # held out, or another split: nothing is lost
        lines.append(f'{elsewhere} more clicks are of images that are not in this list')
    dropped = [f'{n} {REASONS[k]}' for k, n in counts.items() if n]
    if report['outside_examples']:
        dropped.append(f'outside are such as {", ".join(report["outside_examples"])}')
    lines.append('clicks dropped: ' + ('; '.join(dropped) or 'none'))
    if report['contradicting_pixels']:
        lines.append(
            f'pixels clicked as several classes (ignored): {report["contradicting_pixels"]}'
        )
    if report['labelled_share'] is not None:
        lines.append(f'labelled share of all pixels: {report["labelled_share"]:.2e}')
    return '\n  '.join(lines)


def unclicked_classes(report: dict, listed: str = '') -> str | None:
    """A warning about classes that no click names, None when there are none.

    Args:
        report (dict): See :meth:`ReportCounter.report`.
        listed (str): File that lists the images, where these are not all: another list may
            have clicks of the class. Defaults to ''.
    """
    absent = [name for name, count in report['clicks_per_class'].items() if not count]
    if not absent:
        return None
    advice = ''
    if 'background' in absent:
        advice = '; clicks on the background may come from background_click_file'
    names, effect = ', '.join(absent), 'the model cannot learn what it never sees'
    if listed:
        effect = 'not learnt where this list is trained on, without a score where held out'
    return f'no click names {names}: {effect}{advice}'
