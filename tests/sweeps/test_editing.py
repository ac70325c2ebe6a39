"""Values of params.yaml are replaced; comments and layout are not touched."""

import pytest
import yaml

from inkbench.errors import InkbenchError
from inkbench.sweeps import editing

TEXT = """\
# first
train:
  a: # about a
    rate: 0.001   # why
    model: {hidden: [256], code: 64}
    sizes:
    - 1
    - 2

  # about b
  b:
    rate: 1.0e-5
"""


@pytest.mark.parametrize(
    ("key", "value", "old", "new"),
    [
        ("train.a.rate", 0.002, "0.001   # why", "0.002   # why"),
        ("train.b.rate", 2e-5, "1.0e-5", "2.0e-05"),
        ("train.a.model.code", 32, "code: 64", "code: 32"),
        ("train.a.model.hidden", [512, 64], "[256]", "[512, 64]"),
        ("train.a.sizes", [3, 4, 5], "- 1\n    - 2", "- 3\n    - 4\n    - 5"),
        ("train.a.model.l1", 0.5, "code: 64}", "code: 64, l1: 0.5}"),
        ("train.a.binarise", True, "    - 2\n", "    - 2\n    binarise: true\n"),
        ("train.b.noise.gaussian", 0.1, "1.0e-5", "1.0e-5\n    noise: {gaussian: 0.1}"),
    ],
)
def test_replace_changes_nothing_but_the_value(key, value, old, new):
    assert TEXT.count(old) == 1
    changed = editing.replace(TEXT, {key: value})
    assert changed == TEXT.replace(old, new)
    found = yaml.safe_load(changed)
    for part in key.split("."):
        found = found[part]
    assert found == value


def test_replace_refuses_a_key_inside_a_value():
    with pytest.raises(InkbenchError, match=r"train\.a\.rate\.x"):
        editing.replace(TEXT, {"train.a.rate.x": 1})


def test_replace_refuses_to_change_what_an_alias_shares():
    text = "train:\n  a: {model: &m {code: 8}}\n  b: {model: *m}\n"
    with pytest.raises(InkbenchError, match=r"train\.b\.model\.code.*alias"):
        editing.replace(text, {"train.b.model.code": 16})


@pytest.mark.parametrize("text", ["{shift: 1}", "[{shift: 1}]"])
def test_parse_refuses_a_mapping(text):
    with pytest.raises(InkbenchError, match="not a value"):
        editing.parse(text)


def test_replace_fills_an_empty_value():
    assert editing.replace("a:\n  b:\n  c: 1\n", {"a.b": 2}) == "a:\n  b: 2\n  c: 1\n"


@pytest.mark.parametrize("value", [3, 0.001, 1e-05, 1e16, True, None, [256, 64], "cosine"])
def test_parse_reads_what_show_writes(value):
    assert editing.parse(editing.show(value)) == value
    assert editing.parse("1e-5") == 1e-05
