"""One clear message instead of a deep traceback when the toolbox is absent or wrong."""

import contextlib
import importlib
import io
import os
import re
import warnings
from collections.abc import Iterator

# Lowest release that carries the interfaces used here, and the newest one tested.
SUPPORTED = {
    'mmengine': ((0, 10, 0), (0, 10, 12)),
    'mmcv': ((2, 1, 0), (2, 3, 6)),
    'mmseg': ((1, 2, 0), (1, 4, 2)),
}
HINT = (
    "install exactly one of the two stacks: pip install 'mmseg_weak[onedl]' "
    "(maintained fork, recommended) or pip install 'mmseg_weak[openmmlab]' "
    '(originals; mmcv is to be compiled first, as `make env-openmmlab` does)'
)


@contextlib.contextmanager
def quiet_imports() -> Iterator[None]:
    """Without what mmcv and mmseg print about parts that they and nobody here miss.

    ``Could not import OneDL`` comes by ``print``, whatever the log level.
    """
    printed = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(printed):
        warnings.filterwarnings('ignore', 'Fail to import', UserWarning)
        yield
    lines = [line for line in printed.getvalue().splitlines() if 'OneDL' not in line]
    if lines:
        print(*lines, sep='\n')


def parse_version(text: str) -> tuple[int, ...]:
    """Leading numbers of a version: ``'2.1.0rc1'`` gives ``(2, 1, 0)``."""
    numbers = re.match(r'\d+(?:\.\d+)*', text)
    return tuple(int(n) for n in numbers.group().split('.')) if numbers else (0,)


def check_toolbox() -> None:
    """Import mmengine, mmcv and mmseg and compare their versions.

    Raises:
        ImportError: A toolbox package is missing, fails to import or is too old. The
            message names it and says what to install.

    Warns:
        UserWarning: A package is newer than the newest tested release.
    """
    for name, (oldest, newest) in SUPPORTED.items():
        try:
            version = importlib.import_module(name).__version__
        except Exception as error:
            raise ImportError(
                f'mmseg_weak needs {name}, whose import failed '
                f'({type(error).__name__}: {error}); {HINT}'
            ) from None
        found = parse_version(version)
        if found < oldest:
            wanted = '.'.join(map(str, oldest))
            raise ImportError(
                f'mmseg_weak needs {name} >= {wanted}, found {version}; {HINT}'
            )
        if found > newest:
            tested = '.'.join(map(str, newest))
            warnings.warn(
                f'{name} {version} is newer than {tested}, the newest release '
                'mmseg_weak was tested with',
                stacklevel=4,
            )
    allow_old_checkpoint_loading()
    require_operators()


def require_operators() -> None:
    """Import mmseg's models, for which the originals want mmcv's compiled operators.

    ``mmcv-lite``, and mmcv built without torch, have none; the fork does without.

    Raises:
        ImportError: They are missing; the message says what to install.
    """
    try:
        importlib.import_module('mmseg.models')
    except ModuleNotFoundError as error:
        if error.name != 'mmcv._ext':
            raise
        raise ImportError(
            f'mmseg_weak needs an mmcv with compiled operators, this one has none; {HINT}'
        ) from None


def allow_old_checkpoint_loading() -> None:
    """Let mmengine <= 0.10.7 load its own checkpoints under torch >= 2.6.

    Its checkpoints hold log buffers next to the weights. Since 2.6 torch refuses such files
    unless told otherwise; later mmengine releases tell it in their own call, the old ones
    cannot. As with any older torch, load only checkpoints you trust.
    """
    mmengine = importlib.import_module('mmengine')
    if parse_version(mmengine.__version__) <= (0, 10, 7):
        os.environ.setdefault('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
