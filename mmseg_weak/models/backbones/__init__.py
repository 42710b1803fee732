from . import package_weights
from .attention_mit import AttentionMixVisionTransformer
from .attention_transformers import AttentionTransformersBackbone
from .efficientnet_lite import EfficientNetLite
from .resnet38 import ResNet38
from .transformers_backbone import TransformersBackbone
from .vgg import VGGLargeFOV
