"""U-Net that cleans scans of all kinds: it predicts a page's paper, and divides by it."""

import math
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

if TYPE_CHECKING:
    import keras

TASKS = ("cleaning",)
REACH = 1.5  # largest change of the envelope, in logarithms
DARKEST = 0.06  # paper, relative to white
STRONGEST = 1.6  # largest gain of contrast


def build(
    image_shape: tuple[int | None, int | None, int],
    classes: int,
    first: int,
    width: int,
    levels: Annotated[int, Field(ge=1, le=5)] = 5,
) -> "keras.Model":
    """Build a U-Net that predicts a page's paper, pixel by pixel and colour by colour.

    The cleaned page is the page divided by its paper, with a gain of contrast for faded ink. So the
    network cannot draw: white stays white, print keeps its shape and hue, a picture whose "paper"
    is white and whose gain is 1 stays as it is, and what is predicted on a reduced page can be
    enlarged to clean the page at full size.

    Parameters
    ----------
    first
        Filters of the first level. It has one convolution before and one after the others, which
        have two: it costs the most.
    width
        Filters of the second level; further levels have twice as many.
    levels
        Number of resolutions, each half of the one above: h and w are multiples of
        ``2 ** (levels - 1)``, 16 at most.
    """
    import keras
    from keras import layers, ops

    from inkbench.models.common import GAIN, PAPER
    from inkbench.models.common.layers import (
        ClipToUnit,
        ScanChannels,
        contrasted,
        straight_clip,
    )

    filters = [first, width] + [2 * width] * (levels - 2)

    def convolved(x, level: int):
        for _ in range(2 if level else 1):
            x = layers.Conv2D(
                filters[level],
                3,
                padding="same",
                activation="leaky_relu",
                kernel_initializer="he_normal",
            )(x)
        return x

    def share(x, name: str, bias: float):
        """Predict a number in [0, 1] for every pixel; small at first."""
        start = keras.initializers.Constant(bias)
        return layers.Conv2D(
            1, 1, activation="sigmoid", bias_initializer=start, dtype="float32", name=name
        )(x)

    pages = keras.Input(image_shape, dtype="uint8", name="page")
    channels = ScanChannels()(pages)
    x, skips = channels, []
    for level in range(levels - 1):
        x = convolved(x, level)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = convolved(x, levels - 1)
    for level in reversed(range(levels - 1)):
        x = layers.Conv2D(filters[level], 1)(x)
        x = layers.Add()([layers.UpSampling2D()(x), skips[level]])
        x = convolved(x, level)
    # In logarithms, no gradient exceeds one, however dark a page is. The change corrects the
    # envelope; the gate makes the paper of pictures and dark areas white, so that they are kept.
    change = layers.Conv2D(3, 1, activation="tanh", dtype="float32")(x)
    gate = share(x, "gate", -2)
    page, envelope = (ops.log(ops.maximum(channels[..., i : i + 3], 1 / 255)) for i in (0, 3))
    paper = straight_clip((envelope + REACH * change) * (1 - gate), math.log(DARKEST), 0)
    paper = layers.Activation("exponential", name=PAPER)(paper)
    divided = ops.exp(straight_clip(page - ops.log(paper), math.log(1 / 255), 0))
    gain = 1 + (STRONGEST - 1) * share(x, "faded", -3)
    gain = layers.Activation("linear", name=GAIN)(gain)
    cleaned = straight_clip(contrasted(divided, gain), 0, 1)
    return keras.Model(pages, ClipToUnit(dtype="float32")(cleaned))
