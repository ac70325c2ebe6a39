"""U-Net that cleans scans of all kinds: it predicts a page's paper, and divides by it."""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras

REACH = 1.5  # largest change of the envelope, in logarithms
DARKEST = 0.06  # paper, relative to white


def build(
    image_shape: tuple[int | None, int | None, int], classes: int, width: int, levels: int = 5
) -> "keras.Model":
    """Build a U-Net that predicts the paper of a page, pixel by pixel and colour by colour.

    The cleaned page is the page divided by its paper. So the network cannot draw: print keeps its
    shape and hue, a picture whose "paper" is white stays as it is, and the paper predicted on a
    reduced page can be enlarged to divide the page at full size.

    Parameters
    ----------
    width
        Filters of the first level; the next two have twice and four times as many, as do further
        levels.
    levels
        Number of resolutions, each half of the one above.
    """
    import keras
    from keras import layers, ops

    from inkbench.models.common import PAPER
    from inkbench.models.common.layers import ClipToUnit, ScanChannels, straight_clip

    def double_conv(x, level: int):
        for _ in range(2):
            x = layers.Conv2D(
                width * min(2**level, 4),
                3,
                padding="same",
                activation="relu",
                kernel_initializer="he_normal",
            )(x)
        return x

    pages = keras.Input(image_shape, dtype="uint8", name="page")
    channels = ScanChannels()(pages)
    x, skips = channels, []
    for level in range(levels - 1):
        x = double_conv(x, level)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = double_conv(x, levels - 1)
    for level in reversed(range(levels - 1)):
        x = layers.Conv2D(width * min(2**level, 4), 1)(x)
        x = layers.Add()([layers.UpSampling2D()(x), skips[level]])
        x = double_conv(x, level)
    # In logarithms, no gradient exceeds one, however dark a page is. The change corrects the
    # envelope; the gate makes the paper of pictures and dark areas white, so that they are kept.
    change = layers.Conv2D(3, 1, activation="tanh", dtype="float32")(x)
    rarely = keras.initializers.Constant(-2)
    gate = layers.Conv2D(
        1, 1, activation="sigmoid", bias_initializer=rarely, dtype="float32", name="gate"
    )(x)
    page, envelope = (ops.log(ops.maximum(channels[..., i : i + 3], 1 / 255)) for i in (0, 3))
    paper = straight_clip((envelope + REACH * change) * (1 - gate), math.log(DARKEST), 0)
    paper = layers.Activation("exponential", name=PAPER)(paper)
    cleaned = ops.exp(straight_clip(page - ops.log(paper), math.log(1 / 255), 0))
    return keras.Model(pages, ClipToUnit(dtype="float32")(cleaned))
