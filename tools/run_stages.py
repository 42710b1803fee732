"""``mmseg-weak stages``: run a list of stages."""

from mmseg_weak.cli import run_verb

if __name__ == '__main__':
    run_verb('stages')
