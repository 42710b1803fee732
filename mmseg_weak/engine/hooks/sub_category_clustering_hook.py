"""Finds sub-categories inside each class while a classifier trains."""

import copy
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapperDict
from mmengine.runner import BaseLoop
from mmseg.registry import HOOKS
from torch import nn

from ..._files import write_json
from ...checkpoints import (
    checkpoint_file,
    read_checkpoint,
    require_checkpoint,
    require_weights,
)
from ...visualization.panels import draw_cluster_grid
from ..feature_extraction import extract_features, plain_dataset
from ..sub_categories import ClassClusters, assignment_table, cluster_classes
from ..unwrapping import unwrapped

KEY = 'sub_categories'


@HOOKS.register_module()
class SubCategoryClusteringHook(Hook):
    """Rounds of `sub-category exploration <https://arxiv.org/abs/2008.01183>`_.

    When a round begins, pooled features of the whole training set (eval mode, whole images,
    scale 1, no flip) are clustered class by class, and the clusters go to the model's
    :class:`~mmseg_weak.models.heads.SubCategoryHead`. As published, every round then
    starts from the initial weights. Training until the first round is plain classification.

    Clusters, the round and, as long as a round may need them, the initial weights are saved
    in the checkpoint beside ``state_dict``. A run that is killed, also during a clustering,
    and resumed ends with the same assignments. Cluster sizes and inertia go to the log and
    to ``work_dir/sub_categories/round_N.json``, pictures of the images nearest to each
    centroid to ``round_N/CLASS.jpg`` beside it.

    Args:
        rounds (Sequence[int]): Iterations (epochs with ``by_epoch``) after which a round
            begins, ascending; 0 clusters the features of the initial weights.
        by_epoch (bool): Count epochs. Defaults to False.
        restart (bool): Start each round from the initial weights. False goes on with the
            weights there are, with new weights of the sub-category classifier only.
            Defaults to True.
        features_from (str, optional): Checkpoint of a finished classifier with the same
            backbone and head, whose features the first round clusters; that round then
            needs no iterations before it. Defaults to None, the model in training.
        restart_schedule (bool): Begin the learning rate schedule anew in each round, so
            that a config's schedule describes one round. Defaults to True.
        num_restarts (int): k-means++ starts. Defaults to 10.
        seed (int): Seed of the clustering. Defaults to 0.
        pipeline (Sequence[dict], optional): How images are loaded for clustering. Defaults
            to None: the steps of the training pipeline that load and pack.
        num_workers (int): Loading processes of each rank. Defaults to 0.
        num_pictures (int): Images drawn of each cluster; 0 draws none. Defaults to 8.
        feature_memory (int): Bytes of features beyond which they lie in files in the work
            dir while they are clustered, which all ranks have to see. Defaults to 1 GiB.

    Raises:
        ValueError: An option is out of its range.
    """

    # Before the hook that notes the learning rate for the log.
    priority = 'HIGHEST'

    def __init__(
        self,
        rounds: Sequence[int],
        by_epoch: bool = False,
        restart: bool = True,
        restart_schedule: bool = True,
        features_from: str | None = None,
        num_restarts: int = 10,
        seed: int = 0,
        pipeline: Sequence[dict] | None = None,
        num_workers: int = 0,
        num_pictures: int = 8,
        feature_memory: int = 2**30,
    ) -> None:
        rounds = list(rounds)
        if not rounds or rounds[0] < 0 or rounds != sorted(set(rounds)):
            raise ValueError(
                'SubCategoryClusteringHook: rounds must be ascending numbers >= 0, got '
                f'{rounds}'
            )
        if min(num_restarts - 1, num_workers, num_pictures, seed) < 0:
            raise ValueError(
                'SubCategoryClusteringHook: num_restarts must be >= 1; seed, num_workers '
                'and num_pictures >= 0'
            )
        if features_from is not None and (rounds[0] or not restart):
            raise ValueError(
                'SubCategoryClusteringHook: features_from needs rounds=[0, ...], for a '
                'round to begin with them, and restart=True'
            )
        self.rounds = rounds
        self.features_from = features_from
        self.by_epoch = by_epoch
        self.restart = restart
        self.restart_schedule = restart_schedule
        self.num_restarts = num_restarts
        self.seed = seed
        self.pipeline = pipeline
        self.num_workers = num_workers
        self.num_pictures = num_pictures
        self.feature_memory = feature_memory
        self.initial_weights: dict | None = None

    def before_run(self, runner) -> None:
        """Check model and data, and note what a restart goes back to.

        Raises:
            ValueError: The model has no sub-category head, the data set is a wrapper, a
                round lies behind the end of the training, or ``features_from`` is damaged.
            FileNotFoundError: ``features_from`` does not exist.
        """
        if not isinstance(runner._train_loop, BaseLoop):
            return  # testing
        model = unwrapped(runner.model)
        head = getattr(model, 'sub_category_head', None)
        if head is None:
            raise ValueError(
                'SubCategoryClusteringHook needs a CAMSegmentor with sub_category_head='
                f"dict(type='SubCategoryHead', ...), got {type(model).__name__}"
            )
        end = runner.max_epochs if self.by_epoch else runner.max_iters
        if self.rounds[-1] >= end:
            raise ValueError(
                f'SubCategoryClusteringHook: a round begins after {self.rounds[-1]} '
                f'{"epochs" if self.by_epoch else "iterations"}, the training ends at {end}'
            )
        if self.features_from is not None:
            self.features_from = checkpoint_file(self.features_from)
            require_checkpoint(self.features_from)
        self.dataset = plain_dataset(runner.train_dataloader.dataset, self.pipeline)
        head.allocate(len(self.dataset))
        self.schedule = ScheduleStart(runner)

    def before_train(self, runner) -> None:
        """Keep the initial weights, of the config or of ``load_from``."""
        if runner.iter == 0:
            # Without a restart only the new classifier's; they are in every checkpoint.
            start = '' if self.restart else 'sub_category_head.'
            weights = unwrapped(runner.model).state_dict().items()
            self.initial_weights = {
                name: value.cpu().clone()
                for name, value in weights
                if name.startswith(start)
            }

    def before_train_epoch(self, runner) -> None:
        """Begin a round if one is due."""
        if self.by_epoch:
            self._begin_if_due(runner, runner.epoch)

    def before_train_iter(self, runner, batch_idx: int, data_batch=None) -> None:
        """Begin a round if one is due."""
        if not self.by_epoch:
            self._begin_if_due(runner, runner.iter)

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Save what a resumed run needs, outside ``state_dict``."""
        head = unwrapped(runner.model).sub_category_head
        state = head.assignment_state()
        if head.round < len(self.rounds):
            state['initial_weights'] = self.initial_weights
        checkpoint[KEY] = state

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Restore it.

        Raises:
            ValueError: The resumed checkpoint has no sub-categories, or its last round was
                another one's.
        """
        if not runner._resume:
            return
        if KEY not in checkpoint:
            raise ValueError(
                'the checkpoint to resume holds no sub-categories: it was not made with '
                'SubCategoryClusteringHook; use load_from to start from its weights'
            )
        state = checkpoint[KEY]
        self.initial_weights = state.get('initial_weights')
        if state['round'] < len(self.rounds) and self.initial_weights is None:
            raise ValueError(
                f'the checkpoint to resume has gone through its last round '
                f'({state["round"]}) and no longer holds the initial weights that round '
                f'{state["round"] + 1} of this config needs; start from the beginning'
            )
        unwrapped(runner.model).sub_category_head.load_assignment_state(state)

    def _begin_if_due(self, runner, progress: int) -> None:
        if progress not in self.rounds:
            return
        number = self.rounds.index(progress) + 1
        model = unwrapped(runner.model)
        head = model.sub_category_head
        runner.logger.info(f'Sub-categories, round {number}: clustering')
        if number == 1 and self.features_from is not None:
            load_classifier(model, self.features_from)
        size = 4 * len(self.dataset) * model.decode_head.feature_channels
        folder = Path(runner.work_dir) / KEY / 'features'
        features, tags = extract_features(
            model,
            self.dataset,
            self.num_workers,
            folder if size > self.feature_memory else None,
        )
        classes = cluster_classes(
            features,
            tags,
            head.num_clusters,
            self.num_restarts,
            (self.seed, number),
            head.assignments.device,
            self.num_pictures,
        )
        del features
        if is_main_process():  # all ranks have exchanged what they found in the files
            shutil.rmtree(folder, ignore_errors=True)
        head.assign(assignment_table(classes, len(tags)), number)
        # All weights, or those of the sub-category classifier.
        model.load_state_dict(self.initial_weights, strict=self.restart)
        forget_gradients(runner)
        if self.restart_schedule:
            self.schedule.restore(runner)
        if is_main_process():
            self._report(runner, classes, number, len(tags))

    def _report(
        self, runner, classes: list[ClassClusters], number: int, num_images: int
    ) -> None:
        """Log, JSON and pictures."""
        names = list(self.dataset.metainfo['classes'])
        if (background := unwrapped(runner.model).decode_head.background) is not None:
            del names[background]
        for name, found in zip(names, classes):
            if not found.sizes:
                runner.logger.warning(f'Sub-categories: no image has class {name}')
                continue
            runner.logger.info(
                f'Sub-categories, round {number}, {name}: {len(found.members)} images in '
                f'{len(found.sizes)} clusters of {found.sizes}, inertia {found.inertia:.6g}'
            )
        total = sum(found.inertia for found in classes)
        runner.visualizer.add_scalars(
            {'sub_categories/inertia': total, 'sub_categories/round': number},
            step=runner.iter,
        )
        folder = Path(runner.work_dir) / KEY
        content = {
            name: dict(images=len(f.members), sizes=f.sizes, inertia=f.inertia)
            for name, f in zip(names, classes)
        }
        write_json(
            folder / f'round_{number}.json',
            dict(iteration=runner.iter, images=num_images, classes=content),
        )
        for name, found in zip(names, classes) if self.num_pictures else ():
            paths = [
                [self.dataset.get_data_info(i)['img_path'] for i in row]
                for row in found.nearest
            ]
            file = re.sub(r'[^\w-]', '_', name) + '.jpg'
            draw_cluster_grid(folder / f'round_{number}' / file, paths, found.sizes)


def load_classifier(model: nn.Module, path: str) -> None:
    """Load the weights of a classifier, with or without sub-categories.

    Raises:
        ValueError: It is of another network.
    """
    content = read_checkpoint(path)
    require_weights(model, content, path, 'this config')
    weights = content.get('state_dict', content).items()
    kept = {k: v for k, v in weights if not k.startswith('sub_category_head.')}
    model.load_state_dict(kept, strict=False)


def _wrappers(runner) -> list:
    wrapper = runner.optim_wrapper
    return list(wrapper.values()) if isinstance(wrapper, OptimWrapperDict) else [wrapper]


def _schedulers(runner) -> list:
    schedulers = runner.param_schedulers or []
    if isinstance(schedulers, dict):
        return [scheduler for group in schedulers.values() for scheduler in group]
    return list(schedulers)


class ScheduleStart:
    """What optimiser and schedulers looked like before the first iteration.

    Args:
        runner (Runner): Before a checkpoint is resumed: that is, in ``before_run``.
    """

    def __init__(self, runner) -> None:
        self.groups = [
            [{k: v for k, v in group.items() if k != 'params'} for group in w.param_groups]
            for w in _wrappers(runner)
        ]
        self.groups = copy.deepcopy(self.groups)
        self.schedulers = copy.deepcopy([s.state_dict() for s in _schedulers(runner)])

    def restore(self, runner) -> None:
        """Start the schedules again; learning rates are those of the first iteration."""
        for wrapper, groups in zip(_wrappers(runner), self.groups):
            for group, start in zip(wrapper.param_groups, groups):
                group.update(copy.deepcopy(start))
        for scheduler, state in zip(_schedulers(runner), self.schedulers):
            scheduler.load_state_dict(copy.deepcopy(state))


def forget_gradients(runner) -> None:
    """Clear momenta and gradients, which belong to other weights."""
    for wrapper in _wrappers(runner):
        wrapper.zero_grad()
        wrapper.optimizer.state.clear()
