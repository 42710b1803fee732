from ..checkpoints import find_checkpoint, require_weights
from .launch import load_config, require_writable, run_tool, set_resume
from .path_check import check_paths

__all__ = [
    'check_paths',
    'find_checkpoint',
    'load_config',
    'require_weights',
    'require_writable',
    'run_tool',
    'set_resume',
]
