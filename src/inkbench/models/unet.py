"""U-Net that restores scanned pages."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

if TYPE_CHECKING:
    import keras

TASKS = ("restoration",)


def build(
    image_shape: tuple[int | None, int | None, int],
    classes: int,
    width: int,
    levels: Annotated[int, Field(ge=1, le=5)] = 3,
) -> "keras.Model":
    """Build a U-Net (Ronneberger et al., 2015) that predicts the clean page directly.

    He initialisation keeps the wider network from collapsing to an all-white page. There is no
    batch normalisation: in bfloat16 on a CPU, it makes an epoch three to four times as long. Skips
    are added, not concatenated, which saves a quarter of the work.

    The loss is computed on the clipped output, so overshooting white paper is not an error. The
    gradient passes straight through the clipping, so a wrong pixel outside [0, 1] still learns.

    Parameters
    ----------
    width
        Filters of the first level; each further level has twice as many.
    levels
        Number of resolutions, each half of the one above: h and w are multiples of
        ``2 ** (levels - 1)``, 16 at most.
    """
    import keras
    from keras import layers

    from inkbench.models.common.layers import ClipToUnit, PageChannels, straight_clip

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
    x = layers.Conv2D(1, 1, bias_initializer="ones", dtype="float32")(x)  # starts as white paper
    return keras.Model(pages, ClipToUnit(dtype="float32")(straight_clip(x, 0, 1)))
