"""What data sets tell, once for all processes."""

import logging

from mmengine.dist import is_main_process
from mmengine.logging import print_log


def tell(text: str, level: int = logging.INFO) -> None:
    """Log something by the main process."""
    if is_main_process():
        print_log(text, logger='current', level=level)


def warn(text: str) -> None:
    """Log a warning by the main process."""
    tell(text, logging.WARNING)
