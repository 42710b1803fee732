"""Checks that data sets, model and hooks fit before the first iteration."""

from collections.abc import Mapping

from mmengine.hooks import Hook
from mmseg.registry import HOOKS
from torch import nn

from ...datasets.class_lists import background_of
from ...datasets.transforms import PhotometricViews
from ...datasets.transforms.checks import walk_transforms
from ...models.inputs.data_preprocessor import WeakSegDataPreProcessor
from ..unwrapping import unwrapped

# Part of a model to the hook it needs, and what happens otherwise.
HOOKS_OF_PARTS = dict(
    prediction_network=('PredictionNetworkHook', 'phase i is lost when it ends'),
    sub_category_head=('SubCategoryClusteringHook', 'there are no clusters to learn'),
)


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
            ValueError: Class counts or class names differ, or a part is missing.
        """
        classes = runner.train_dataloader.dataset.metainfo.get('classes')
        if not classes:
            return
        model = unwrapped(runner.model)
        for name in ('decode_head', 'auxiliary_head', 'cam_head'):
            heads = getattr(model, name, None)
            for head in heads if isinstance(heads, nn.ModuleList) else [heads]:
                count = getattr(head, 'num_classes', len(classes))
                if count != len(classes):
                    raise ValueError(
                        f'model.{name} has num_classes={count}, the training data has '
                        f'{len(classes)} classes: {", ".join(classes)}'
                    )
        self._check_hooks(runner, model)
        self._check_background(model, runner.train_dataloader.dataset.metainfo)
        self._check_views(runner.train_dataloader.dataset, model)
        if runner.val_loop is not None:
            val_classes = runner.val_loop.dataloader.dataset.metainfo.get('classes')
            if val_classes and list(val_classes) != list(classes):
                raise ValueError(
                    f'training classes ({", ".join(classes)}) and validation classes '
                    f'({", ".join(val_classes)}) differ; give both the same metainfo'
                )

    @staticmethod
    def _check_hooks(runner, model: nn.Module) -> None:
        """Parts of a model that a hook has to look after."""
        hooks = {type(hook).__name__ for hook in runner.hooks}
        for part, (needed, reason) in HOOKS_OF_PARTS.items():
            if getattr(model, part, None) is not None and needed not in hooks:
                raise ValueError(
                    f'{type(model).__name__} needs dict(type="{needed}") in custom_hooks: '
                    f'without it {reason}'
                )

    @staticmethod
    def _check_background(model: nn.Module, metainfo: Mapping) -> None:
        """Terms that treat background apart must mean the background of the data set."""
        right = background_of(metainfo)
        for part in ('consistency', 'pseudo_label'):
            term = getattr(model, part, None)
            rule = getattr(term, 'rule', term)
            index = getattr(rule, 'background', right)
            if index != right and not (index is None or rule is None):
                raise ValueError(
                    f'model.{part} has background={index}, and of the classes '
                    f'{", ".join(metainfo["classes"])} background is '
                    f'{"none, so it needs background=None" if right is None else right} '
                    '(the data set tells: a class of that name, or its option background)'
                )

    @staticmethod
    def _check_views(dataset, model: nn.Module) -> None:
        """A plain preprocessor would drop the teacher's view without a word."""
        steps = getattr(getattr(dataset, 'pipeline', None), 'transforms', ())
        two_views = any(
            isinstance(step, PhotometricViews) for step in walk_transforms(steps)
        )
        preprocessor = getattr(model, 'data_preprocessor', None)
        if two_views and not isinstance(preprocessor, WeakSegDataPreProcessor):
            raise ValueError(
                'the training pipeline has PhotometricViews, but '
                f'model.data_preprocessor is a {type(preprocessor).__name__}, which drops '
                "the teacher's view; use type='WeakSegDataPreProcessor'"
            )
