"""``python -m mmseg_weak VERB``: the command ``mmseg-weak``, for torchrun too."""

from .cli import main

if __name__ == '__main__':
    main()
