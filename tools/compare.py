"""``mmseg-weak compare``: train and test configs with several seeds."""

from mmseg_weak.cli import run_verb

if __name__ == '__main__':
    run_verb('compare')
