"""Change values in YAML text, without touching its comments or layout."""

import json
import math
from collections.abc import Mapping
from typing import Any

import yaml

from inkbench import layout
from inkbench.errors import InkbenchError

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast


def parse(text: str) -> Any:
    """Value of a setting on the command line or in a table; ``1e-5`` is a number, as for DVC.

    Raises
    ------
    InkbenchError
        If DVC cannot set it (a mapping), or `show` cannot write it so that it is read as the same.
    """
    value = _parse(text)
    shown = show(value)
    try:
        is_kept = "{" not in shown and yaml.load(f"[{shown}]", _LOADER) == [value]
    except (yaml.YAMLError, ValueError):
        is_kept = False
    if not is_kept:
        raise InkbenchError(f"{text!r} is not a value; write a number, a word or a list of them")
    return value


def _parse(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    try:
        return yaml.load(text, _LOADER)
    except (yaml.YAMLError, ValueError):  # ValueError: 2024-99-99
        return text


def show(value: Any) -> str:
    """A value in YAML, in one line and as DVC writes it: ``1.0e-05``, ``[256, 64]``."""
    if isinstance(value, float) and math.isfinite(value):
        text = repr(value)
        return text if "." in text or "e" not in text else text.replace("e", ".0e", 1)
    if isinstance(value, list):
        return f"[{', '.join(map(show, value))}]"
    return value if isinstance(value, str) else json.dumps(value, default=str)


def replace(text: str, values: Mapping[str, Any]) -> str:
    """Set values by dotted key, such as ``train.mnist-vae.model.code``; new keys are added.

    Raises
    ------
    InkbenchError
        If a key leads into something that is not a mapping, or the text would change more than the
        value: YAML aliases share a value.
    """
    for key, value in values.items():
        keys = key.split(".")
        changed = _replace(text, keys, value)
        if yaml.load(changed, _LOADER) != _with(yaml.load(text, _LOADER), keys, value):
            raise InkbenchError(
                f"{layout.PARAMS}: {key}: cannot be set alone; write out the alias (*) there"
            )
        text = changed
    return text


def _with(tree: Any, keys: list[str], value: Any) -> Any:
    """A tree with another value, and nothing shared on the way to it."""
    first, *rest = keys
    return tree | {first: _with(tree.get(first) or {}, rest, value) if rest else value}


def _replace(text: str, keys: list[str], value: Any) -> str:
    node = yaml.compose(text, Loader=_LOADER)
    for depth, key in enumerate(keys):
        if not isinstance(node, yaml.MappingNode):
            raise InkbenchError(f"{layout.PARAMS}: {'.'.join(keys)}: unknown key")
        known = {name.value: child for name, child in node.value}
        if key not in known:
            for inner in reversed(keys[depth + 1 :]):
                value = f"{{{inner}: {show(value)}}}"
            return _insert(text, node, f"{key}: {show(value)}")
        node = known[key]
    new = show(value)
    is_block = isinstance(node, yaml.SequenceNode) and not node.flow_style
    if is_block and isinstance(value, list) and value:
        new = f"\n{' ' * node.start_mark.column}".join(f"- {show(item)}" for item in value)
    if node.start_mark.index == _end(node):  # nothing after the colon
        new = f" {new}"
    return text[: node.start_mark.index] + new + text[_end(node) :]


def _insert(text: str, node: yaml.MappingNode, item: str) -> str:
    """Add an item after the last one of a mapping."""
    if node.flow_style:
        end = node.end_mark.index - 1
        return f"{text[:end]}{', ' if node.value else ''}{item}{text[end:]}"
    end = text.find("\n", _end(node))
    end = len(text) if end < 0 else end
    return f"{text[:end]}\n{' ' * node.start_mark.column}{item}{text[end:]}"


def _end(node: yaml.Node) -> int:
    """Where the last value in a node ends; PyYAML counts the comments below as part of a block."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return node.end_mark.index
