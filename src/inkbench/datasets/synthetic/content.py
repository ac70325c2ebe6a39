"""What is printed or written on drawn pages: text, headlines, rules, forms, stamps, pictures.

Each kind draws on a `Canvas` in pixels of the finished page. `KINDS` names the kinds of each part.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from inkbench.datasets.synthetic import fonts, prose
from inkbench.datasets.synthetic.texture import mottle

Box = tuple[float, float, float, float]  # left, top, right, bottom
Colour = tuple[int, int, int]

_SCALE = 2  # drawn at twice the size, for smooth edges
_PHOTOGRAPHS = {
    "train": ("chelsea", "coffee", "rocket", "hubble_deep_field", "coins", "motorcycle_left"),
    "valid": ("astronaut",),
    "test": ("camera",),
}
_SCRIPTS = (  # first and last characters: Greek, Cyrillic, Armenian, Georgian, Arabic
    (0x3B1, 0x3C9), (0x430, 0x44F), (0x561, 0x586), (0x10D0, 0x10F0), (0x627, 0x64A),
)  # fmt: skip


@dataclass
class Canvas:
    """A page that is being drawn.

    Attributes
    ----------
    image
        What is printed, at `_SCALE` times the size.
    kept
        Areas that a restorer must leave as they were scanned: pictures, dark areas.
    """

    size: int
    part: str
    image: Image.Image
    kept: Image.Image
    draw: Any
    face: fonts.Face
    body: float  # pixels per em
    ink: Colour

    @classmethod
    def blank(cls, size: int, part: str, rng: np.random.Generator) -> Self:
        """An empty page with a typeface, a size of letters and an ink."""
        image = Image.new("RGB", (size * _SCALE, size * _SCALE), "white")
        families = [members for name, members in fonts.by_family().items() if name != "cmsy10"]
        members = [f for f in families[rng.integers(len(families))] if f.alphabet == fonts.LETTERS]
        face = (
            members[rng.integers(len(members))] if members else fonts.by_family()["DejaVuSerif"][0]
        )
        body = float(np.exp(rng.uniform(np.log(11), np.log(34))))
        return cls(
            size,
            part,
            image,
            Image.new("L", image.size),
            ImageDraw.Draw(image),
            face,
            body,
            grey_ink(rng),
        )

    def layers(self) -> tuple[np.ndarray, np.ndarray]:
        """What is printed, float32 ``[h, w, 3]``, and what is kept, ``[h, w]``; both in [0, 1]."""
        ink = np.asarray(self.image.reduce(_SCALE), np.float32) / 255
        return ink, np.asarray(self.kept.reduce(_SCALE), np.float32) / 255

    def font(self, size: float) -> ImageFont.FreeTypeFont:
        """The page's typeface."""
        return self.face.font(max(4, round(size * _SCALE)))

    def text(self, at: tuple[float, float], text: str, size: float, fill: Colour) -> float:
        """Write one line; returns its length."""
        font = self.font(size)
        self.draw.text((at[0] * _SCALE, at[1] * _SCALE), text, fill, font)
        return font.getlength(text) / _SCALE

    def rectangle(
        self, box: Box, fill: Colour | None = None, outline: Colour | None = None, width: float = 1
    ) -> None:
        """A filled or outlined box."""
        self.draw.rectangle(
            [v * _SCALE for v in box],
            fill,
            outline,
            max(1, round(width * _SCALE)) if outline else 0,
        )

    def line(self, points: np.ndarray, fill: Colour, width: float) -> None:
        """A curve through ``points``, ``[n, 2]`` as (x, y)."""
        scaled = [tuple(p) for p in points * _SCALE]
        self.draw.line(scaled, fill, max(1, round(width * _SCALE)), joint="curve")

    def paste(self, pixels: np.ndarray, left: float, top: float, keep: bool) -> None:
        """Paste a picture, uint8 ``[h, w, 3]`` in pixels of the page."""
        picture = Image.fromarray(pixels)
        picture = picture.resize((picture.width * _SCALE, picture.height * _SCALE))
        at = (round(left * _SCALE), round(top * _SCALE))
        self.image.paste(picture, at)
        if keep:
            self.kept.paste(255, (*at, at[0] + picture.width, at[1] + picture.height))

    def keep(self, box: Box) -> None:
        """Leave an area as it is scanned."""
        left, top, right, bottom = (round(value * _SCALE) for value in box)
        self.kept.paste(255, (left, top, right, bottom))

    def multiply(self, layer: Image.Image) -> None:
        """Print transparent ink over the page: stamps, highlighter."""
        product = np.asarray(self.image, np.uint16) * np.asarray(layer, np.uint16) // 255
        self.image.paste(Image.fromarray(product.astype(np.uint8)))


def grey_ink(rng: np.random.Generator) -> Colour:
    """Ink from black to as pale as a soft pencil."""
    level = 0 if rng.random() < 0.35 else int(rng.uniform(0, 190))
    return (level, level, level)


def colour(rng: np.random.Generator) -> Colour:
    """A saturated ink: of a pen, a stamp or a printed heading."""
    import colorsys

    value = colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.4, 1), rng.uniform(0.3, 0.9))
    return (round(value[0] * 255), round(value[1] * 255), round(value[2] * 255))


def ink(rng: np.random.Generator) -> Colour:
    """Grey or coloured ink."""
    return colour(rng) if rng.random() < 0.35 else grey_ink(rng)


def tint(rng: np.random.Generator) -> Colour:
    """A pale printed fill."""
    r, g, b = colour(rng)
    share = rng.uniform(0.08, 0.4)
    if rng.random() < 0.3:
        r = g = b = 90
    return (
        round(255 - (255 - r) * share),
        round(255 - (255 - g) * share),
        round(255 - (255 - b) * share),
    )


def write(
    canvas: Canvas,
    box: Box,
    rng: np.random.Generator,
    size: float | None = None,
    fill: Colour | None = None,
) -> None:
    """Fill a box with running text."""
    left, top, right, bottom = box
    size, fill = size or canvas.body, fill or canvas.ink
    leading = size * rng.uniform(1.05, 1.7)
    words = _words(canvas, rng)
    space, y = size * rng.uniform(0.22, 0.4), top
    while y + size <= bottom:
        x = left
        stop = right - (rng.random() < 0.15) * rng.uniform(0, 0.6) * (right - left)
        while x < stop:
            x += canvas.text((x, y), next(words), size, fill) + space
        y += leading


def _words(canvas: Canvas, rng: np.random.Generator) -> Iterator[str]:
    """Endless words: English, numbers, or letters of another script."""
    how = rng.random()
    if how < 0.12:
        first, last = _SCRIPTS[rng.integers(len(_SCRIPTS))]
        canvas.face = fonts.by_family()["DejaVuSans"][rng.integers(4)]
        while True:
            yield "".join(map(chr, rng.integers(first, last + 1, rng.integers(1, 10))))
    if how < 0.22:
        while True:
            yield f"{rng.uniform(0, 10 ** rng.integers(1, 5)):.2f}"
    for words in prose.paragraphs(rng):
        yield from words


def text_page(canvas: Canvas, rng: np.random.Generator) -> Canvas:
    """Running text in one to three columns, with headings."""
    margin, columns = rng.uniform(-20, 50), rng.integers(1, 4)
    width = (canvas.size - 2 * margin) / columns
    top = rng.uniform(-10, 40)
    if rng.random() < 0.5:
        size = canvas.body * rng.choice([1.5, 2, 3, 4, 6])
        fill = canvas.ink if rng.random() < 0.6 else ink(rng)
        for _ in range(rng.integers(1, 3)):
            canvas.text((margin, top), _title(rng), size, fill)
            top += size * 1.3
    if rng.random() < 0.15:  # a few lines only: blank paper below
        write(canvas, (margin, top, canvas.size, top + rng.uniform(1, 4) * canvas.body * 1.7), rng)
        return canvas
    for column in range(columns):
        left = margin + column * width
        write(canvas, (left, top, left + width - canvas.body, canvas.size + 20), rng)
        if column and rng.random() < 0.3:
            x = left - canvas.body / 2
            canvas.line(np.array([[x, top], [x, canvas.size]]), canvas.ink, rng.uniform(0.5, 2))
    if rng.random() < 0.2:
        underline(canvas, rng)
    return canvas


def _title(rng: np.random.Generator) -> str:
    words = next(prose.paragraphs(rng))[: rng.integers(1, 4)]
    return " ".join(words).upper() if rng.random() < 0.4 else " ".join(words).capitalize()


def underline(canvas: Canvas, rng: np.random.Generator) -> None:
    """Pen marks: underlines, circles, ticks."""
    for _ in range(rng.integers(1, 6)):
        x, y = rng.uniform(0, canvas.size, 2)
        t = np.linspace(0, rng.uniform(3, 7), 24)
        round_ = np.stack([x + 40 * np.cos(t), y + 18 * np.sin(t)], 1)
        flat = np.stack([x + t * 30, y + rng.normal(0, 1, 24).cumsum() * 0.6], 1)
        canvas.line(round_ if rng.random() < 0.4 else flat, ink(rng), rng.uniform(0.7, 3))


def handwriting(canvas: Canvas, rng: np.random.Generator) -> Canvas:
    """Lines of loops and strokes in pen or pencil, on ruled or squared paper or none."""
    ruling = rng.random()
    pitch = rng.uniform(18, 44)
    if ruling < 0.6:
        fill = tint(rng) if rng.random() < 0.7 else grey_ink(rng)
        for y in np.arange(rng.uniform(0, pitch), canvas.size, pitch):
            canvas.line(np.array([[0, y], [canvas.size, y]]), fill, rng.choice([0.5, 1, 1.5]))
            if ruling < 0.2:
                canvas.line(np.array([[y, 0], [y, canvas.size]]), fill, 0.5)
    pen, width = ink(rng), rng.uniform(0.6, 3.2)
    for y in np.arange(pitch * 0.8, canvas.size, pitch * rng.choice([1, 2])):
        x, size = rng.uniform(0, 60), pitch * rng.uniform(0.25, 0.5)
        if rng.random() < 0.2:
            pen = ink(rng)
        while x < canvas.size * rng.uniform(0.5, 1):
            length = rng.integers(6, 40)
            steps = np.cumsum(rng.uniform(0.1, 0.5, length)) * size
            rise = np.convolve(rng.normal(0, size * 0.7, length), [0.25, 0.5, 0.25], "same")
            fine = np.linspace(0, length - 1, length * 5)
            loop = size * 0.3 * np.sin(fine * rng.uniform(1.5, 3))
            right, down = (np.interp(fine, np.arange(length), path) for path in (steps, rise))
            canvas.line(np.stack([x + right + loop, y + down + loop[::-1]], 1), pen, width)
            x += steps[-1] + size
    return canvas


def table(canvas: Canvas, rng: np.random.Generator) -> Canvas:
    """A ruled table with tinted rows."""
    row = canvas.body * rng.uniform(1.3, 2.2)
    columns = np.cumsum(rng.uniform(0.5, 2, rng.integers(2, 7)))
    columns = np.concatenate([[0], columns / columns[-1]]) * (canvas.size - 20) + 10
    rule, width, fill = ink(rng), rng.choice([0.5, 1, 1, 2]), tint(rng)
    tinted, ruled = rng.random() < 0.4, rng.random() < 0.8
    for number, y in enumerate(np.arange(10, canvas.size - row, row)):
        if tinted and number % 2:
            canvas.rectangle((10, y, canvas.size - 10, y + row), fill)
        for left, right in itertools.pairwise(columns):
            if rng.random() < 0.9:
                text = (
                    f"{rng.integers(10 ** rng.integers(1, 6)):,}"
                    if rng.random() < 0.6
                    else _title(rng)
                )
                while (
                    text and canvas.font(canvas.body).getlength(text) > (right - left - 6) * _SCALE
                ):
                    text = text[:-1]
                canvas.text(
                    (left + 4, y + (row - canvas.body) / 2 - 1), text, canvas.body, canvas.ink
                )
            if ruled:
                canvas.rectangle((left, y, right, y + row), None, rule, width)
    return canvas


def solids(canvas: Canvas, rng: np.random.Generator) -> Canvas:
    """Text with black bars, squares, logos and blacked-out words."""
    text_page(canvas, rng)
    for _ in range(rng.integers(2, 12)):
        fill = (0, 0, 0) if rng.random() < 0.5 else ink(rng)
        x, y = rng.uniform(-20, canvas.size, 2)
        side = np.exp(rng.uniform(np.log(3), np.log(160)))
        shape = rng.random()
        if shape < 0.4:
            canvas.rectangle((x, y, x + side, y + side), fill)
        elif shape < 0.7:
            canvas.rectangle((x, y, x + rng.uniform(40, 300), y + max(2, side / 4)), fill)
        else:
            canvas.draw.ellipse([v * _SCALE for v in (x, y, x + side, y + side)], fill)
    return canvas


def form(canvas: Canvas, rng: np.random.Generator) -> Canvas:
    """Fields and boxes to tick, filled in by hand or machine."""
    y, rule = rng.uniform(5, 30), ink(rng)
    if rng.random() < 0.5:
        canvas.rectangle((0, y, canvas.size, y + canvas.body * 1.6), tint(rng))
    while y < canvas.size:
        canvas.text((10, y), _title(rng), canvas.body, canvas.ink)
        left, height = rng.uniform(0.3, 0.6) * canvas.size, canvas.body * 1.3
        width = rng.choice([0.5, 1, 1.5])
        if rng.random() < 0.5:
            canvas.rectangle((left, y, canvas.size - 10, y + height), None, rule, width)
            canvas.text((left + 4, y), _title(rng), canvas.body, ink(rng))
        else:
            for x in np.arange(left, canvas.size - 20, height * 3):
                canvas.rectangle((x, y, x + height, y + height), None, rule, width)
                mark = rng.random()
                if mark < 0.3:
                    inset = height * 0.2
                    canvas.rectangle(
                        (x + inset, y + inset, x + height - inset, y + height - inset), ink(rng)
                    )
                elif mark < 0.6:
                    cross = np.array([[x, y], [x + height, y + height]])
                    canvas.line(cross, rule, 1.5)
                    canvas.line(cross * [1, -1] + [0, 2 * y + height], rule, 1.5)
        y += canvas.body * rng.uniform(1.6, 3)
    return canvas


def stamped(canvas: Canvas, rng: np.random.Generator) -> Canvas:
    """Text under stamps and highlighter."""
    text_page(canvas, rng)
    for _ in range(rng.integers(1, 4)):
        layer = Image.new(
            "RGB",
            (round(rng.uniform(150, 380)) * _SCALE, round(rng.uniform(50, 130)) * _SCALE),
            "white",
        )
        draw, fill = ImageDraw.Draw(layer), colour(rng)
        draw.rectangle(
            (8, 8, layer.width - 9, layer.height - 9), None, fill, int(rng.integers(4, 16))
        )
        draw.text(
            (24, layer.height // 5), _title(rng), fill, canvas.font(layer.height / _SCALE * 0.5)
        )
        layer = layer.rotate(
            rng.uniform(-25, 25), Image.Resampling.BICUBIC, expand=True, fillcolor="white"
        )
        page = Image.new("RGB", canvas.image.size, "white")
        left, top = rng.uniform(-50, canvas.size, 2) * _SCALE
        page.paste(layer, (int(left), int(top)))
        canvas.multiply(page)
    if rng.random() < 0.6:
        page = Image.new("RGB", canvas.image.size, "white")
        marker = [(255, 240, 90), (160, 255, 140), (255, 170, 200), (140, 220, 255)][
            rng.integers(4)
        ]
        for _ in range(rng.integers(1, 6)):
            x, y = rng.uniform(-40, canvas.size, 2) * _SCALE
            box = (x, y, x + rng.uniform(60, 400) * _SCALE, y + canvas.body * 1.3 * _SCALE)
            ImageDraw.Draw(page).rectangle(box, marker)
        canvas.multiply(page)
    return canvas


def illustrated(canvas: Canvas, rng: np.random.Generator) -> Canvas:
    """Text around photographs, some of them as large as the page."""
    text_page(canvas, rng)
    for _ in range(rng.integers(1, 3)):
        share = rng.choice([rng.uniform(0.15, 0.6), rng.uniform(0.6, 1.2)], p=[0.7, 0.3])
        width = round(canvas.size * share)
        height = round(width * rng.uniform(0.6, 1.4))
        left, top = rng.uniform(-0.2, 0.9, 2) * canvas.size
        canvas.paste(picture(canvas.part, height, width, rng), left, top, keep=True)
    return canvas


def picture(part: str, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """A photograph, or random shapes in front of each other, uint8 ``[height, width, 3]``."""
    if rng.random() < 0.6:
        names = _PHOTOGRAPHS[part]
        source = _photograph(names[rng.integers(len(names))])
        scale = max(height / source.height, width / source.width) * rng.uniform(1, 2.5)
        image = source.resize((round(source.width * scale) + 1, round(source.height * scale) + 1))
        left, top = (int(rng.integers(n)) for n in (image.width - width, image.height - height))
        pixels = np.asarray(image.crop((left, top, left + width, top + height)))
    else:
        image = Image.new("RGB", (width, height), colour(rng))
        draw = ImageDraw.Draw(image)
        for _ in range(200):
            radius = min(3 / rng.random() + 2, width)
            x, y = rng.uniform(0, width), rng.uniform(0, height)
            draw.ellipse(
                (x - radius, y - radius, x + radius, y + radius),
                colour(rng) if rng.random() < 0.7 else tint(rng),
            )
        shade = 1 + 0.15 * mottle((height, width), rng.uniform(2, 30), rng)[..., None]
        pixels = (np.asarray(image) * shade).clip(0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        grey = np.asarray(Image.fromarray(pixels).convert("L"), np.float32)
        if rng.random() < 0.5:  # halftone
            pitch, y_x = rng.uniform(2, 5), np.mgrid[:height, :width]
            screen = np.sin((y_x[0] + y_x[1]) * np.pi / pitch) * np.sin(
                (y_x[0] - y_x[1]) * np.pi / pitch
            )
            grey = (255 / (1 + np.exp(-((grey - 128) / 60 + 2 * screen) * 3))).clip(0, 255)
        pixels = grey.astype(np.uint8)[..., None].repeat(3, -1)
    return pixels


@cache
def _photograph(name: str) -> Image.Image:
    """One of the photographs that come with scikit-image."""
    from importlib.resources import files

    folder = files("skimage") / "data"
    entry = next(e for e in folder.iterdir() if e.name.startswith(f"{name}."))
    with entry.open("rb") as file:
        image = Image.open(file).convert("RGB")
    image.thumbnail((700, 700))
    return image


def chart(canvas: Canvas, rng: np.random.Generator) -> Canvas:
    """Text, and curves, bars or a map in colours."""
    text_page(canvas, rng)
    for _ in range(rng.integers(1, 3)):
        left, top = rng.uniform(0, 0.6, 2) * canvas.size
        right, bottom = left + rng.uniform(120, 350), top + rng.uniform(90, 260)
        canvas.rectangle(
            (left, top, right, bottom),
            (255, 255, 255) if rng.random() < 0.6 else tint(rng),
            canvas.ink,
        )
        if rng.random() < 0.5:
            x = np.linspace(left, right, 40)
            for _ in range(rng.integers(1, 7)):
                y = np.interp(x, np.linspace(left, right, 6), rng.uniform(top + 5, bottom - 5, 6))
                canvas.line(np.stack([x, y], 1), colour(rng), rng.uniform(0.6, 2.5))
        elif rng.random() < 0.6:
            count = rng.integers(3, 9)
            step = (right - left) / count
            fills = [colour(rng) if rng.random() < 0.6 else tint(rng) for _ in range(3)]
            for i in range(count):
                x = left + i * step
                canvas.rectangle(
                    (x + step * 0.2, rng.uniform(top, bottom), x + step * 0.8, bottom), fills[i % 3]
                )
        else:
            for _ in range(rng.integers(3, 9)):
                corners = rng.uniform((left, top), (right, bottom), (rng.integers(3, 6), 2))
                canvas.draw.polygon(
                    [tuple(c) for c in corners * _SCALE],
                    tint(rng) if rng.random() < 0.6 else colour(rng),
                )
        canvas.text((left + 4, top + 2), _title(rng), canvas.body * 0.8, canvas.ink)
    return canvas


def inverted(canvas: Canvas, rng: np.random.Generator) -> Canvas:
    """Light letters on dark bands, or on a whole dark page."""
    text_page(canvas, rng)
    whole = rng.random() < 0.35
    top = 0.0 if whole else rng.uniform(0, 0.7) * canvas.size
    while top < canvas.size:
        left, height = (
            (0, canvas.size)
            if whole
            else (rng.uniform(-60, 200), rng.uniform(1.3, 8) * canvas.body)
        )
        right = canvas.size if whole else left + rng.uniform(150, canvas.size)
        shade = np.array(colour(rng) if rng.random() < 0.5 else grey_ink(rng)) * rng.uniform(
            0.1, 0.6
        )
        fill = (int(shade[0]), int(shade[1]), int(shade[2]))
        box = (left, top, right, top + height)
        canvas.rectangle(box, fill)
        canvas.keep(box)
        light = (255, 255, 255) if rng.random() < 0.6 else tint(rng)
        write(
            canvas,
            (left + 6, top + canvas.body * 0.15, right - canvas.body * 3, top + height),
            rng,
            fill=light,
        )
        top += height + rng.uniform(40, 300)
    return canvas


def framed(canvas: Canvas, rng: np.random.Generator) -> Canvas:
    """A page beside the dark of a scanner's lid or a table."""
    text_page(canvas, rng)
    shade = np.array(colour(rng)) * rng.uniform(0, 0.4)
    for side in rng.permutation(4)[: rng.integers(1, 3)]:
        width = rng.uniform(8, 140)
        box = [(0, 0, width, canvas.size), (0, 0, canvas.size, width),
               (canvas.size - width, 0, canvas.size, canvas.size),
               (0, canvas.size - width, canvas.size, canvas.size)][side]  # fmt: skip
        canvas.rectangle(box, (int(shade[0]), int(shade[1]), int(shade[2])))
        canvas.keep(box)
    return canvas


Kind = Callable[[Canvas, np.random.Generator], Canvas]
KINDS: dict[str, dict[str, Kind]] = {
    "train": {
        "text": text_page,
        "handwriting": handwriting,
        "table": table,
        "solids": solids,
        "stamped": stamped,
        "illustrated": illustrated,
        "chart": chart,
        "inverted": inverted,
        "framed": framed,
    },
    "valid": {"form": form},
    "test": {"form": form},
}
