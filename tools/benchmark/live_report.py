"""Tables and a figure of what ``live.py`` and ``live_network.py`` measured.

``python tools/benchmark/live_report.py weeds.json --full weeds=60.1 --out live.svg``
"""

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use('Agg')
import matplotlib.pyplot as plt
import numpy as np
from scipy.integrate import trapezoid

DEFAULT, SHARES = 'balanced_margin', (0.9, 0.95)
NETWORKS = dict(
    network=('network trained on the clicks', 'k*:'),
    distilled=('network trained on the live masks', 'r*:'),
)
# Plain rules that are drawn; the tables have all.
DRAWN = ('balanced_margin', 'margin', 'entropy', 'random', 'forest')


def load(file: Path) -> tuple[list[int], dict[str, np.ndarray], dict[str, dict]]:
    """Budgets, rule to (seeds, budgets) mIoU, and networks' clicks to mIoU of each seed."""
    curves: dict[str, list] = {}
    networks: dict[str, dict[int, list[float]]] = {}
    for key, entry in json.loads(file.read_text()).items():
        curves.setdefault(key.split('/')[0], []).append(entry['miou'])
        for kind in NETWORKS:
            for count, value in entry.get(kind, {}).items():
                networks.setdefault(kind, {}).setdefault(int(count), []).append(value)
    budgets = [int(b) for b in next(iter(curves.values()))[0]]
    rules = {r: np.array([list(c.values()) for c in found]) for r, found in curves.items()}
    return budgets, rules, networks


def area(budgets: list[int], values: np.ndarray) -> float:
    """Mean mIoU over the logarithm of the number of clicks."""
    x = np.log(budgets)
    return float(trapezoid(values, x) / (x[-1] - x[0]))


def clicks_to(budgets: list[int], values: np.ndarray, target: float) -> float:
    """Fewest clicks that reach a mIoU, between budgets by the logarithm; inf if none do."""
    for i, value in enumerate(values):
        if value >= target:
            if i == 0:
                return float(budgets[0])
            share = (target - values[i - 1]) / (value - values[i - 1])
            x = np.log(budgets[i - 1 : i + 1])
            return float(np.exp(x[0] + share * (x[1] - x[0])))
    return np.inf


def spread(values: np.ndarray) -> str:
    """Mean and standard deviation over seeds."""
    if len(values) < 2:
        return f'{np.mean(values):.1f}'
    return f'{np.mean(values):.1f} ± {np.std(values, ddof=1):.1f}'


def told(clicks: float, budgets: list[int], first: str = '≤ ') -> str:
    """A number of clicks, or the bound that is known."""
    if np.isinf(clicks):
        return f'> {budgets[-1]}'
    return f'{first if clicks <= budgets[0] else ""}{clicks:.0f}'


def table(name: str, file: Path, full: float | None) -> str:
    """Markdown of one set."""
    budgets, rules, networks = load(file)
    seeds = max(len(v) for v in rules.values())
    reached = [f'clicks to {100 * s:.0f} % of masks' for s in SHARES if full]
    columns = [f'{b} clicks' for b in budgets]
    columns += ['area', 'clicks to the last of `random`', *reached]
    lines = [f'**{name}**, {seeds} seeds', '', f'| rule | {" | ".join(columns)} |']
    lines += ['|' + '---|' * (len(columns) + 1)]
    goal = rules['random'].mean(0)[-1]
    for rule, values in sorted(rules.items(), key=lambda r: -area(budgets, r[1].mean(0))):
        mean = values.mean(0)
        cells = [spread(column) for column in values.T]
        areas = np.array([area(budgets, row) for row in values])
        cells += [spread(areas), told(clicks_to(budgets, mean, goal), budgets)]
        for share in SHARES if full else ():
            cells += [told(clicks_to(budgets, mean, share * full), budgets)]
        lines += [f'| `{rule}` | ' + ' | '.join(cells) + ' |']
    for kind, found in networks.items():
        cells = [spread(np.array(found[b])) if b in found else '' for b in budgets]
        cells += [''] * (len(columns) - len(budgets))
        lines += [f'| {NETWORKS[kind][0]} | ' + ' | '.join(cells) + ' |']
    return '\n'.join(lines)


def draw(files: dict[str, Path], out: Path) -> None:
    """One panel a set: mean of the seeds, range of the seeds as a band."""
    columns = min(2, len(files))
    rows = -(-len(files) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(5 * columns, 3.4 * rows))
    for axis, (name, file) in zip(np.ravel(axes), files.items()):
        budgets, rules, networks = load(file)
        for rule in DRAWN:
            if rule in rules:
                values = rules[rule]
                line = axis.plot(budgets, values.mean(0), marker='o', ms=3, label=rule)[0]
                axis.fill_between(
                    budgets,
                    values.min(0),
                    values.max(0),
                    alpha=0.12,
                    color=line.get_color(),
                )
        for kind, found in networks.items():
            points = sorted((b, np.mean(v)) for b, v in found.items())
            axis.plot(*zip(*points), NETWORKS[kind][1], ms=9, label=NETWORKS[kind][0])
        axis.set(xscale='log', title=name, xlabel='clicks', ylabel='mIoU')
        axis.set_xticks(budgets, [str(b) for b in budgets], minor=False)
        axis.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
        axis.grid(alpha=0.3)
    handles, labels = np.ravel(axes)[0].get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=8, loc='upper center', ncols=4)
    figure.tight_layout(rect=(0, 0, 1, 0.93))
    figure.savefig(out)


def main() -> None:
    """Print tables, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('results', nargs='+', type=Path, help='JSON files of live.py')
    parser.add_argument('--full', nargs='*', default=[], help='SET=mIoU of full masks')
    parser.add_argument('--out', type=Path, required=True, help='figure, .svg or .png')
    args = parser.parse_args()
    full = {name: float(value) for name, value in (f.split('=') for f in args.full)}
    for file in args.results:
        print(table(file.stem, file, full.get(file.stem)) + '\n')
    draw({file.stem: file for file in args.results}, args.out)


if __name__ == '__main__':
    main()
