"""``mmseg-weak show`` for those who run from a checkout: ``--help`` tells the options."""

from mmseg_weak.cli import run_verb

if __name__ == '__main__':
    run_verb('show')
