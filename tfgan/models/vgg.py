"""VGG16: the features of the precision and recall of StyleGAN and StyleGAN2.

Reference:
    Simonyan and Zisserman 2015, "Very Deep Convolutional Networks for Large-Scale Image
    Recognition", arXiv:1409.1556. Features are those of metrics/precision_recall.py of
    NVlabs/stylegan2-ada-pytorch: its vgg16.pt with return_features=True.
"""

import keras
import tensorflow as tf

from tfgan.layers.arguments import StoresArguments

SIZE = 224  # pixels of the images that the network sees
FEATURES = 4096  # width of the published dense layers
# Filters of the 3 x 3 convolutions; 2 x 2 max pooling follows each row.
CONVS = ((64,) * 2, (128,) * 2, (256,) * 3, (512,) * 3, (512,) * 3)
# Mean and standard deviation of ImageNet's channels, on the scale from 0 to 255.
MEAN = (255 * 0.485, 255 * 0.456, 255 * 0.406)
SCALE = (255 * 0.229, 255 * 0.224, 255 * 0.225)


@keras.saving.register_keras_serializable("tfgan")
class VGG16(StoresArguments, keras.Model):
    """The network of published precision and recall, up to its second dense layer.

    Its weights are loaded and never trained; it always uses float32.

    Args:
        width: Width of both dense layers: 4096 in the published network.

    Call arguments:
        images: uint8 [B, H, W, 3] of any size. They are resized to 224 x 224 as TensorFlow 1
            did: pixel i of the result is at i * H / 224 of the source.

    Returns:
        Features, "fc7" of the paper after its ReLU, float32 [B, width].

    Raises:
        ValueError: If the width is not positive.
    """

    def __init__(self, width: int = FEATURES, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        if width < 1:
            raise ValueError(f"width must be positive. Received: {width}.")
        self.store(locals())
        policy = self.dtype_policy
        numbers = iter(range(1, 14))
        self.convs = [
            [
                keras.layers.Conv2D(
                    filters,
                    3,
                    padding="same",
                    activation="relu",
                    dtype=policy,
                    name=f"conv{next(numbers)}",
                )
                for filters in row
            ]
            for row in CONVS
        ]
        self.fc1, self.fc2 = (
            keras.layers.Dense(width, activation="relu", dtype=policy, name=name)
            for name in ("fc1", "fc2")
        )

    def build(self, input_shape=None):
        channels = 3
        for row in self.convs:
            for conv in row:
                conv.build((None, None, None, channels))
                channels = conv.filters
        side = SIZE >> len(CONVS)
        self.fc1.build((None, side * side * channels))
        self.fc2.build((None, self.width))
        self.built = True

    def call(self, images):
        x = tf.raw_ops.ResizeBilinear(
            images=images, size=[SIZE, SIZE], align_corners=False, half_pixel_centers=False
        )
        x = (x - MEAN) / SCALE
        for row in self.convs:
            for conv in row:
                x = conv(x)
            x = tf.nn.max_pool2d(x, 2, 2, "VALID")
        return self.fc2(self.fc1(tf.reshape(x, [-1, self.fc1.kernel.shape[0]])))
