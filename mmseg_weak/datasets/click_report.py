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


def clicked_pixels(clicks: ClickTable) -> tuple[int, int]:
    """Count distinct clicked pixels and those with contradicting classes.

    Returns:
        tuple[int, int]: Number of clicked pixels, number of contradictions.
    """
    if not len(clicks):
        return 0, 0
    image = np.unique(clicks.image, return_inverse=True)[1]
    column, row = np.floor(clicks.xy).astype(np.int64).T
    labelled = np.unique(np.stack([image, row, column, clicks.label], 1), axis=0)
    count = np.unique(labelled[:, :3], axis=0, return_counts=True)[1]
    return len(count), int((count > 1).sum())


def make_report(
    clicks: ClickTable,
    images: Sequence[str],
    sizes: np.ndarray | None,
    classes: Sequence[str],
    dropped: dict[str, int],
    outside: ClickTable | None = None,
) -> dict:
    """Collect the numbers of the report.

    Args:
        clicks (ClickTable): The clicks that are used, labels as trained.
        images (Sequence[str]): Image ids of the data set.
        sizes (np.ndarray, optional): (n, 2) sizes of the images, None when unknown.
        classes (Sequence[str]): Class names.
        dropped (dict): Number of dropped clicks per reason.
        outside (ClickTable, optional): Those outside their image.

    Returns:
        dict: ``images``, ``clicks``, ``clicks_per_class`` (name to count),
        ``images_without_clicks``, ``dropped``, ``contradicting_pixels``,
        ``labelled_share`` (of all pixels, None without sizes; of scribbles their first
        points), ``negative`` (marks that say "not this class"), ``scribbles`` and
        ``outside_examples`` (up to three, as text).
    """
    yes = clicks.select(~clicks.negative)
    counts = np.bincount(yes.label, minlength=len(classes))
    pixels, contradicting = clicked_pixels(yes)
    share = None if sizes is None else pixels / max(1, int(sizes.prod(1).sum()))
    return dict(
        images=len(images),
        clicks=len(clicks),
        clicks_per_class={c: int(n) for c, n in zip(classes, counts)},
        images_without_clicks=len(set(images) - set(clicks.image)),
        dropped=dict(dropped),
        contradicting_pixels=contradicting,
        negative=int(clicks.negative.sum()),
        scribbles=int(clicks.is_line().sum()),
        labelled_share=share,
        outside_examples=[] if outside is None else _examples(outside),
    )


def _examples(clicks: ClickTable) -> list[str]:
    """The first clicks as text."""
    shown = zip(clicks.image[:3], clicks.xy)
    return [f'({x:g}, {y:g}) of {image}' for image, (x, y) in shown]


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


def unclicked_classes(report: dict) -> str | None:
    """A warning about trained classes that no click names, None when there are none."""
    absent = [name for name, count in report['clicks_per_class'].items() if not count]
    if not absent:
        return None
    advice = ''
    if 'background' in absent:
        advice = '; clicks on the background may come from background_click_file'
    return (
        f'no click names {", ".join(absent)}: the model cannot learn what it never '
        f'sees{advice}'
    )
