"""A short run of the fuzzing that `fuzz.py` does at length."""

import pytest
from fuzz import fuzz
from golden import GOLDEN


@pytest.mark.parametrize('name', GOLDEN)
def test_broken_exports_end_in_one_clear_line(name):
    count = fuzz(120, seed=1, formats=(name,))[name]
    assert count['refused'] > 10 and count.total() == 120
