import numpy as np

from inkbench.datasets.synthetic import fonts


def test_faces_include_those_of_matplotlib_and_of_font_packages():
    families = set(fonts.by_family())
    assert {"DejaVuSans", "STIXGeneral", "cmr10", "Lato", "SourceSerifPro"} <= families
    names = [face.name for face in fonts.faces()]
    assert names == sorted(set(names))


def test_every_face_has_ten_different_letters():
    for face in fonts.faces():
        shapes = {fonts.render(face, character, 60).tobytes() for character in face.alphabet}
        assert len(shapes) == len(fonts.LETTERS), face.name


def test_render_crops_to_the_ink():
    glyph = np.asarray(fonts.render(fonts.faces()[0], "H", 60))
    assert all(edge.any() for edge in (glyph[0], glyph[-1], glyph[:, 0], glyph[:, -1]))
