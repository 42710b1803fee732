"""Training steps that gpu.py measures: every method, and the teacher in all forms."""

from argparse import Namespace
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import label_transfer
import mutual_promotion
import training_step
from mmengine.config import Config
from mmengine.registry import init_default_scope

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
NETWORKS = {
    'DeepLabV3+ R50': 'teacher_deeplabv3plus_r50-*.py',
    'DeepLabV3+ R101': 'teacher_deeplabv3plus_r101-*80k*.py',
}
TINY = {'FCN R18 narrow': 'teacher_fcn_r18-narrow_*.py'}
# Name, whether it is mmseg's plain step, bfloat16, compiled.
FORMS = (
    ('mmseg, float32', True, False, False),
    ('ours, float32', False, False, False),
    ('mmseg, bfloat16', True, True, False),
    ('ours, bfloat16', False, True, False),
    ('ours, bfloat16, compiled', False, True, True),
)

Step = Callable[[], None]


def step_forms(options: Namespace) -> Iterator[tuple[str, int, str, Callable[[], Step]]]:
    """Network, batch size, form and what makes its step."""
    init_default_scope('mmseg')
    size = 64 if options.tiny else 512
    networks = (TINY if options.tiny else NETWORKS).items()
    # Compiling takes minutes, so it comes last; on a CPU it takes too many.
    for chosen in (False,) if options.tiny else (False, True):
        for network, pattern in networks:
            config = Config.fromfile(min((CONFIGS / 'seminar').glob(pattern)))
            for batch in (2,) if options.tiny else (4, 8):
                for form, plain, bfloat16, compiled in FORMS:
                    if compiled is not chosen:
                        continue
                    arguments = (config, size, batch, plain, options.device)
                    kind = dict(bfloat16=bfloat16, compiled=compiled)
                    make = partial(training_step.make_step, *arguments, **kind)
                    yield network, batch, form, make


def methods(options: Namespace) -> dict[str, Callable[[], Step]]:
    """What makes a step of each method."""
    init_default_scope('mmseg')
    device, size, batch = options.device, 512, 4
    clicks, promotion = 'teacher_deeplabv3plus_r50-*.py', 'bmp_mit-b1_*voc12*.py'
    if options.tiny:
        size, batch = 64, 2
        clicks, promotion = 'teacher_fcn_r18-narrow_*.py', 'bmp_mobilenetv2_*.py'
    found = {
        'clicks and teacher': ('seminar', clicks),
        'tags': ('sub_category', 'cam_efficientnet-lite0_*.py'),
        'label transfer': ('transfer', 'pnet_fpn_efficientnet-lite0_*.py'),
        'mutual promotion': ('mutual_promotion', promotion),
    }
    paths = {
        name: min((CONFIGS / folder).glob(pattern))
        for name, (folder, pattern) in found.items()
    }
    configs = {name: Config.fromfile(path) for name, path in paths.items()}
    steps = {
        name: partial(
            training_step.make_step, configs[name], size, batch, False, device, teacher
        )
        for name, teacher in (('clicks and teacher', True), ('tags', False))
    }
    steps['label transfer'] = partial(
        label_transfer.make_step, configs['label transfer'], size, batch, False, device
    )
    case = str(paths['mutual promotion']), size, batch
    steps['mutual promotion'] = partial(
        mutual_promotion.make_step, case, False, False, device
    )
    return steps
