"""From a checkpoint to masks of new photographs."""

from .folder import predict_folder
from .predictor import Predictor
from .scale import TrainingScale, training_scale
