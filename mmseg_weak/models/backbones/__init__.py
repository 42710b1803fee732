from .attention_mit import AttentionMixVisionTransformer

__all__ = ['AttentionMixVisionTransformer']
