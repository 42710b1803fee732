"""What data sets tell at their start, once more where it is read."""

import sys
from logging.handlers import BufferingHandler

from mmengine.hooks import Hook
from mmengine.logging import MMLogger

from ..console import speaker

DATASETS = 'mmseg_weak.datasets'


class DataReportHook(Hook):
    """Repeats the reports of the data sets just before the first iteration.

    Otherwise the toolbox's lists of options and parameters bury them.

    Args:
        logger (MMLogger): The runner's, before it builds its data sets.
    """

    priority = 'LOWEST'

    def __init__(self, logger: MMLogger) -> None:
        self.logger = logger
        self.listener = BufferingHandler(sys.maxsize)
        self.listener.addFilter(lambda _: speaker().startswith(DATASETS))
        logger.handlers.append(self.listener)

    def before_train(self, runner) -> None:
        """Repeat them."""
        self.logger.handlers.remove(self.listener)
        for record in self.listener.buffer:
            self.logger.log(record.levelno, record.getMessage())
