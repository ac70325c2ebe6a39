"""U-Net: our page restorer."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def build(
    image_shape: tuple[int | None, int | None, int], classes: int, width: int, levels: int = 3
) -> "keras.Model":
    """Build a U-Net (Ronneberger et al., 2015) that predicts the clean page directly.

    He initialisation and no batch normalisation: the latter costs three to four times as long an
    epoch in bfloat16 on a CPU, and the former is what keeps the wider network from collapsing to
    an all-white page. Skips are added, not concatenated, which is a quarter less work.

    The loss sees the output as it will be clipped: what overshoots white paper is no error, while
    what is wrong keeps its gradient even outside [0, 1].

    Parameters
    ----------
    image_shape
        ``(height, width, 2)``: page and background estimate.
    classes
        Not used.
    width
        Filters of the first level, doubled at each further one.
    levels
        Resolutions, each half of the one above.

    Returns
    -------
    keras.Model
        uint8 ``[n, h, w, 2]`` → clean page in [0, 1] ``[n, h, w, 1]``; h and w multiples of
        ``2 ** (levels - 1)``.
    """
    import keras
    from keras import layers, ops

    from inkbench.models.common.layers import ClipToUnit, PageChannels

    def double_conv(x, filters: int):
        for _ in range(2):
            x = layers.Conv2D(
                filters, 3, padding="same", activation="relu", kernel_initializer="he_normal"
            )(x)
        return x

    pages = keras.Input(image_shape, dtype="uint8", name="page")
    x = PageChannels()(pages)
    skips = []
    for level in range(levels - 1):
        x = double_conv(x, width * 2**level)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = double_conv(x, width * 2 ** (levels - 1))
    for level in reversed(range(levels - 1)):
        x = layers.Conv2D(width * 2**level, 1)(x)
        x = layers.Add()([layers.UpSampling2D()(x), skips[level]])
        x = double_conv(x, width * 2**level)
    x = layers.Conv2D(1, 1, bias_initializer="ones", dtype="float32")(x)  # starts from white paper
    x = x + ops.stop_gradient(ops.clip(x, 0, 1) - x)
    return keras.Model(pages, ClipToUnit(dtype="float32")(x))
