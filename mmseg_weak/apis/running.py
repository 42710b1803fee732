"""A runner that prints little or everything."""

from mmengine.config import Config
from mmengine.runner import Runner

from ..engine.console import QuietRunner
from ..engine.hooks.checkpoint_check_hook import CheckpointCheckHook
from ..engine.hooks.data_report_hook import DataReportHook
from ..engine.hooks.progress_hook import ProgressHook


def build_runner(config: Config, verbose: bool = False) -> Runner:
    """mmengine's runner of a config, which checks the checkpoints it loads.

    Args:
        config (Config): From :func:`~mmseg_weak.apis.load_config`.
        verbose (bool): Print all that the log file gets, and the reports of the data sets
            again before the first iteration. Defaults to False: messages of this package,
            results, warnings, and one line of progress.
    """
    runner = (Runner if verbose else QuietRunner).from_cfg(config)
    runner.register_hook(CheckpointCheckHook())
    if verbose:
        runner.register_hook(DataReportHook(runner.logger))
    else:
        runner.register_hook(ProgressHook(runner.console))
    return runner
