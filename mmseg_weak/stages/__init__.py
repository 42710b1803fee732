"""Several trainings in a row: a list of typed stages, run once and gone on with."""

from .plan import Stage, load_stages, select_stages
from .run import list_stages, run_stages
