"""What a stage scored, from the files that it left."""

import json
from numbers import Real

from .plan import Stage

# Of a line of metrics, what is no score.
ASIDE = ('data_time', 'time', 'step', 'iter', 'epoch', 'memory')


def scores(stage: Stage) -> dict[str, float]:
    """Scores of a test, or of the last validation of a training.

    Args:
        stage (Stage): After it ran.

    Returns:
        dict[str, float]: Name to value, empty where there are none.
    """
    found: dict = {}
    for path in stage.outputs:
        if path.name == 'metrics.json' and path.is_file():
            found = _numbers(path.read_text())
    for path in sorted(stage.folder.glob('*/vis_data/scalars.json')):
        for line in path.read_text().splitlines():
            entry = _numbers(line)
            if 'loss' not in entry:
                found = entry or found
    return {name: value for name, value in found.items() if name not in ASIDE}


def _numbers(text: str) -> dict[str, float]:
    """Numbers of a JSON object; empty where a kill left half of it."""
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    entries = content.items() if isinstance(content, dict) else ()
    return {name: value for name, value in entries if isinstance(value, Real)}


def told(found: dict[str, float]) -> str:
    """Scores in a line; nothing without any."""
    return ''.join(f'  {name} {value:.2f}' for name, value in found.items())
