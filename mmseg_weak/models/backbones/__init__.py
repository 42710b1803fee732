from .attention_mit import AttentionMixVisionTransformer
from .resnet38 import ResNet38
from .vgg import VGGLargeFOV

__all__ = ['AttentionMixVisionTransformer', 'ResNet38', 'VGGLargeFOV']
