from . import hooks, prediction_transfer

__all__ = ['hooks', 'prediction_transfer']
