"""What a data set of tags holds, told once at the start."""

from collections import Counter
from collections.abc import Mapping, Sequence

MAX_NAMES = 5
ELSEWHERE = 'of images not in the data set'


def make_tag_report(
    tags: Mapping[str, Sequence[int]],
    classes: Sequence[str],
    background: int | None,
    dropped: Mapping[str, int],
    without_tags: Sequence[str],
) -> dict:
    """Collect the numbers of the report.

    Args:
        tags (Mapping[str, Sequence[int]]): Trained classes of each image that is used.
        classes (Sequence[str]): Class names.
        background (int, optional): Index of the background class.
        dropped (Mapping[str, int]): Number of dropped tags per reason.
        without_tags (Sequence[str]): Images that have no tag.

    Returns:
        dict: ``images`` used, ``tags``, ``images_per_class`` (name to count),
        ``classes_without_images``, ``images_without_tags``, ``without_tags`` (some of their
        names) and ``dropped``.
    """
    counts = Counter(label for labels in tags.values() for label in labels)
    per_class = {name: counts[i] for i, name in enumerate(classes) if i != background}
    return dict(
        images=len(tags),
        tags=sum(per_class.values()),
        images_per_class=per_class,
        classes_without_images=[name for name, n in per_class.items() if not n],
        images_without_tags=len(without_tags),
        without_tags=list(without_tags[:MAX_NAMES]),
        dropped=dict(dropped),
    )


def format_tag_report(report: Mapping, policy: str) -> str:
    """The report as text for the log.

    Args:
        report (Mapping): See :func:`make_tag_report`.
        policy (str): What happened to images without tags.
    """
    lines = [
        f'{report["images"]} images with {report["tags"]} tags',
        'images per class: '
        + ', '.join(f'{c} {n}' for c, n in report['images_per_class'].items()),
    ]
    if report['images_without_tags']:
        names = ', '.join(report['without_tags'])
        lines.append(
            f'images without a tag ({policy}): {report["images_without_tags"]}, such as '
            f'{names}'
        )
    if report.get('images_stated_empty'):
        lines.append(f'stated to show no class: {report["images_stated_empty"]} images')
    counts = dict(report['dropped'])
    elsewhere = counts.pop(ELSEWHERE, 0)
    if elsewhere:  # held out, or another split: nothing is lost
        lines.append(f'{elsewhere} more tags are of images that are not in this list')
    dropped = [f'{n} {reason}' for reason, n in counts.items() if n]
    lines.append('tags dropped: ' + ('; '.join(dropped) or 'none'))
    return '\n  '.join(lines)
