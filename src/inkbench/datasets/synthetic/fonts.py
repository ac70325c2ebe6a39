"""Fonts from installed packages: the ``fonts`` plug-ins and matplotlib."""

import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

LETTERS = "ABCDEFGHIJ"

# Fonts in matplotlib's folder without Latin capitals: parts of brackets, fallback boxes.
_NOT_LATIN = (
    "cmex10",
    "DejaVuSansDisplay",
    "DejaVuSerifDisplay",
    "LastResort",
    "STIXNon",
    "STIXSiz",
)
# Alphabets of other designs among the mathematical symbols of STIX.
_MATHEMATICAL = {
    "STIXGeneral": ("SCRIPT", "BOLD SCRIPT", "FRAKTUR", "BOLD FRAKTUR", "DOUBLE-STRUCK",
                    "MONOSPACE", "SANS-SERIF", "SANS-SERIF BOLD", "SANS-SERIF ITALIC",
                    "SANS-SERIF BOLD ITALIC"),
}  # fmt: skip
# Unicode has a few capitals of these alphabets under older names.
_OLDER_NAMES = {"SCRIPT": "SCRIPT", "FRAKTUR": "BLACK-LETTER", "DOUBLE-STRUCK": "DOUBLE-STRUCK"}


@dataclass(frozen=True)
class Face:
    """A font, and the ten of its characters that are used as A–J."""

    name: str
    family: str  # fonts of one family resemble each other
    path: str
    alphabet: str = LETTERS  # or other characters that look like these ten

    def font(self, size: int) -> ImageFont.FreeTypeFont:
        """The font at a size in pixels."""
        return _font(self.path, size)


@cache
def faces() -> tuple[Face, ...]:
    """All faces with Latin capitals, sorted by name, each design once."""
    by_name: dict[str, Face] = {}
    for path in sorted(_paths(), key=lambda path: (path.name, str(path))):
        family, style = _font(str(path), 16).getname()
        name = f"{family} {style}"
        if "Italic" in path.stem and "Italic" not in name:  # as in Caladea's bold italic
            name += " Italic"
        if "Bold" in path.stem and "Bold" not in name:
            name += " Bold"
        by_name.setdefault(name, Face(name, _family(path), str(path)))
        for kind in _MATHEMATICAL.get(path.stem, ()):
            title = f"{family} {kind.title()}"
            by_name[title] = Face(title, "STIX mathematical", str(path), _mathematical(kind))
    return tuple(by_name[name] for name in sorted(by_name))


@cache
def by_family() -> dict[str, tuple[Face, ...]]:
    """Faces of each family, both sorted."""
    families = sorted({face.family for face in faces()})
    return {name: tuple(face for face in faces() if face.family == name) for name in families}


@cache
def render(face: Face, character: str, size: int) -> Image.Image:
    """Draw one glyph, cropped to its ink: mode L, 255 = ink."""
    font = face.font(size)
    left, top, right, bottom = font.getbbox(character)
    image = Image.new("L", (int(right - left) + 2, int(bottom - top) + 2))
    ImageDraw.Draw(image).text((1 - left, 1 - top), character, fill=255, font=font)
    return image.crop(image.getbbox())


def _paths() -> list[Path]:
    """Font files of the `fonts` plug-ins and of matplotlib."""
    plugins = [*entry_points(group="fonts_ttf"), *entry_points(group="fonts_otf")]
    paths = [Path(path) for plugin in plugins for path in plugin.load().values()]
    folder = files("matplotlib") / "mpl-data" / "fonts" / "ttf"
    shipped = [Path(str(entry)) for entry in folder.iterdir() if entry.name.endswith(".ttf")]
    return paths + [path for path in shipped if not path.name.startswith(_NOT_LATIN)]


def _family(path: Path) -> str:
    stem, _, _ = path.stem.partition("-")
    return "STIXGeneral" if stem.startswith("STIXGeneral") else stem


def _mathematical(kind: str) -> str:
    characters = []
    for letter in LETTERS:
        try:
            characters.append(unicodedata.lookup(f"MATHEMATICAL {kind} CAPITAL {letter}"))
        except KeyError:
            characters.append(unicodedata.lookup(f"{_OLDER_NAMES[kind]} CAPITAL {letter}"))
    return "".join(characters)


@cache
def _font(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
