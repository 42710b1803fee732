"""Package metadata; the toolbox stack is an extra because the two stacks collide."""

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent


def requirements(name: str) -> list[str]:
    """Lines of a requirements file without comments."""
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text().splitlines()
    return [line for line in lines if line and not line.startswith(('#', '-'))]


version = {}
exec((ROOT / 'mmseg_weak' / 'version.py').read_text(), version)

setup(
    name='mmseg_weak',
    version=version['__version__'],
    description='Weakly supervised semantic segmentation for MMSegmentation',
    long_description=(ROOT / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.10',
    packages=find_packages(include=['mmseg_weak', 'mmseg_weak.*']),
    entry_points={'console_scripts': ['mmseg-weak = mmseg_weak.cli:main']},
    install_requires=requirements('runtime'),
    extras_require={
        'onedl': requirements('onedl'),
        'openmmlab': requirements('openmmlab'),
        'tests': requirements('tests'),
    },
)
