from .launch import find_checkpoint, load_config, require_writable, run_tool, set_resume

__all__ = ['find_checkpoint', 'load_config', 'require_writable', 'run_tool', 'set_resume']
