"""Checks that data sets, model and hooks fit before the first iteration."""

from collections.abc import Iterator, Mapping, Sequence

from mmengine.hooks import Hook
from mmseg.models import SegDataPreProcessor
from mmseg.registry import HOOKS
from torch import nn

from ...datasets.class_splits import background_of
from ...datasets.transforms import PhotometricViews, RasterizeClicks
from ...datasets.transforms.checks import walk_transforms
from ...models.declaration import declarations
from ...models.heads.click_loss import why_unfit
from ...models.inputs.data_preprocessor import WeakSegDataPreProcessor
from ..unwrapping import unwrapped

# Modules with ``num_classes`` that classify something else, or nothing.
NO_HEADS = ('backbone', 'neck', 'data_preprocessor')


@HOOKS.register_module()
class ClassCheckHook(Hook):
    """Stop at the start when class lists or class counts do not fit together.

    Without it a wrong ``num_classes`` ends in an index error deep inside a loss, or in no
    error at all.
    """

    priority = 'VERY_HIGH'

    def before_train(self, runner) -> None:
        """Check the model's heads and the validation set against the training set.

        Raises:
            ValueError: Class counts, class names or what class ids mean differ, or a hook
                or part is missing.
        """
        classes = runner.train_dataloader.dataset.metainfo.get('classes')
        if not classes:
            return
        model = unwrapped(runner.model)
        self._check_counts(model, classes)
        self._check_heads(runner.train_dataloader.dataset, model)
        self._check_hooks(runner, model)
        self._check_background(model, runner.train_dataloader.dataset.metainfo)
        self._check_size(model)
        self._check_views(runner.train_dataloader.dataset, model)
        if runner.val_loop is not None:
            self._check_validation(
                runner.train_dataloader.dataset, runner.val_loop.dataloader.dataset
            )

    @staticmethod
    def _check_counts(model: nn.Module, classes: Sequence[str]) -> None:
        """Every head must have as many classes as the data."""
        for name, head in _heads(model):
            count = getattr(head, 'num_classes', len(classes))
            if count != len(classes):
                raise ValueError(
                    f'model.{name} has num_classes={count}, the training data has '
                    f'{len(classes)} classes: {", ".join(classes)}'
                )

    @staticmethod
    def _check_heads(dataset, model: nn.Module) -> None:
        """Heads of mmseg that would end in a traceback, or learn nonsense from clicks."""
        sparse = _has_step(dataset, RasterizeClicks)
        for name, head in _heads(model):
            reason = why_unfit(head, sparse)
            if reason:
                raise ValueError(f'model.{name}, a {type(head).__name__}: {reason}')

    @staticmethod
    def _check_validation(train, val) -> None:
        """Both data sets must mean the same by a class id."""
        ours, theirs = (data.metainfo.get('classes') for data in (train, val))
        if theirs and list(theirs) != list(ours):
            raise ValueError(
                f'training classes ({", ".join(ours)}) and validation classes '
                f'({", ".join(theirs)}) differ; give both the same metainfo'
            )
        flags = [data.metainfo.get('reduce_zero_label') for data in (train, val)]
        if None not in flags and bool(flags[0]) != bool(flags[1]):
            raise ValueError(
                f'reduce_zero_label is {flags[0]} for training and {flags[1]} for '
                'validation, so class ids would be off by one; set both alike'
            )

    @staticmethod
    def _check_hooks(runner, model: nn.Module) -> None:
        """Parts of a model that a hook has to look after."""
        for part, (needed, reason) in declarations(model).needs_hooks.items():
            hooks = (isinstance(hook, HOOKS.get(needed)) for hook in runner.hooks)
            if getattr(model, part, None) is not None and not any(hooks):
                raise ValueError(
                    f'{type(model).__name__} needs dict(type="{needed}") in custom_hooks: '
                    f'without it {reason}'
                )

    @staticmethod
    def _check_background(model: nn.Module, metainfo: Mapping) -> None:
        """Parts that treat background apart must mean the background of the data set."""
        right = background_of(metainfo)
        for name, part in model.named_modules(prefix='model'):
            index = getattr(getattr(part, 'rule', part), 'background', None)
            asks = getattr(part, 'asks_classes', None)  # of losses of an image
            # Of other parts, only a rule of labels can do without a background.
            checked = isinstance(index, int) and (
                right is not None or hasattr(part, 'rule')
            )
            if index != right and (checked if asks is None else asks):
                raise ValueError(
                    f'{name} has background={index}, and of the classes '
                    f'{", ".join(metainfo["classes"])} background is '
                    f'{"none, so it needs background=None" if right is None else right} '
                    '(the data set tells: a class of that name, or its option background)'
                )

    @staticmethod
    def _check_size(model: nn.Module) -> None:
        """mmseg asserts this of the first batch, without a name of the entry."""
        preprocessor = getattr(model, 'data_preprocessor', None)
        if not isinstance(preprocessor, SegDataPreProcessor):
            return
        given = preprocessor.size is not None, preprocessor.size_divisor is not None
        if sum(given) != 1:
            raise ValueError(
                f'model.data_preprocessor has {"both" if all(given) else "neither"} size '
                f'{"and" if all(given) else "nor"} size_divisor; give it one of them: '
                'size, the crop size, pads a batch to it'
            )

    @staticmethod
    def _check_views(dataset, model: nn.Module) -> None:
        """A plain preprocessor would drop the teacher's view without a word."""
        two_views = _has_step(dataset, PhotometricViews)
        preprocessor = getattr(model, 'data_preprocessor', None)
        if two_views and not isinstance(preprocessor, WeakSegDataPreProcessor):
            raise ValueError(
                'the training pipeline has PhotometricViews, but '
                f'model.data_preprocessor is a {type(preprocessor).__name__}, which drops '
                "the teacher's view; use type='WeakSegDataPreProcessor'"
            )


def _has_step(dataset, kind: type) -> bool:
    steps = getattr(getattr(dataset, 'pipeline', None), 'transforms', ())
    return any(isinstance(step, kind) for step in walk_transforms(steps))


def _heads(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The heads of a model by name, those of a list one by one."""
    for name, heads in model.named_children():
        if name not in NO_HEADS:
            several = isinstance(heads, nn.ModuleList)
            yield from ((name, head) for head in (heads if several else [heads]))
