"""Overlays on a YAML file, with the comments of both.

An overlay has only the keys that differ. Mappings merge key by key; lists, scalars and `null`
replace those of the base. A mapping tagged `!replace` replaces the base's mapping as a whole.
Changes apply to the base's text, so sections that inherit settings by `<<: *anchor` change, too. A
comment at the end of an overlay's line replaces that of the base.
"""

import io
from collections.abc import Iterator, Mapping
from copy import deepcopy
from difflib import get_close_matches
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.tag import Tag

OPEN = ("reid",)  # mappings to which an overlay may add keys: new re-ID models
REPLACE = "!replace"


def applied(base: str, overlay: str) -> str:
    """The text of `base` with the keys of `overlay`.

    The comment lines at the top of the overlay, up to its first empty line, replace those of the
    base.

    Raises:
        ValueError: If a key of the overlay is not in the base; the message names it.
    """
    head, _, _ = overlay.partition("\n\n")
    _, _, body = base.partition("\n\n")
    tree, changes = _read(body), _read(overlay)
    _check(changes, tree)
    _merge(tree, changes)
    return f"{head}\n\n{_written(tree)}"


def with_value(text: str, key: str, value: str) -> str:
    """The text with the YAML `value` under a dotted key.

    Raises:
        ValueError: If the text has no such key, or `value` is not YAML or ambiguous.
    """
    try:
        parsed, plain = YAML().load(value), yaml.safe_load(value)
    except Exception as error:  # two parsers, each with its own errors
        raise ValueError(f"{key}: {value!r} is not YAML ({error})") from error
    if parsed != plain:
        raise ValueError(
            f"{key}: {value!r} is ambiguous in YAML: write 2.0e-4 for 2e-4, true or false for yes or no, "
            "and quote text"
        )
    tree = _read(text)
    *sections, name = key.split(".")
    changes = CommentedMap({name: parsed})
    for section in reversed(sections):
        changes = CommentedMap({section: changes})
    _check(changes, tree, open_to_new=())
    _merge(tree, changes)
    return _written(tree)


def differences(old: Any, new: Any, key: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Differences of two parameter trees: (dotted key, old value, new value).

    A missing key has the value `...`.
    """
    if not (isinstance(old, dict) and isinstance(new, dict)):
        if old != new:
            yield key, old, new
        return
    for name in dict.fromkeys([*old, *new]):
        dotted = f"{key}.{name}" if key else str(name)
        yield from differences(old.get(name, ...), new.get(name, ...), dotted)


def _format() -> YAML:
    """A YAML reader and writer that keeps comments and `null`, and breaks no lines."""
    format = YAML()
    format.preserve_quotes = True
    format.width = 10**6
    format.representer.add_representer(
        type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    return format


def _read(text: str) -> CommentedMap:
    return _format().load(text)


def _written(tree: CommentedMap) -> str:
    stream = io.StringIO()
    _format().dump(tree, stream)
    return stream.getvalue()


def _check(
    changes: Mapping, tree: Mapping, above: str = "", open_to_new: tuple[str, ...] = OPEN
) -> None:
    """Check that `tree` has all keys of `changes`.

    Raises:
        ValueError: If it lacks one; the message names the first.
    """
    for name, value in changes.items():
        key = f"{above}{name}"
        if name not in tree:
            if above.rstrip(".") in open_to_new:
                continue
            raise ValueError(f"unknown key {key}{_suggestion(key, above, tree)}")
        if isinstance(value, Mapping) and isinstance(tree[name], Mapping) and not _replaces(value):
            _check(value, tree[name], f"{key}.", open_to_new)


def _suggestion(key: str, above: str, tree: Mapping) -> str:
    close = get_close_matches(key, [f"{above}{name}" for name in tree], 1)
    return f"; did you mean {close[0]}?" if close else f" (known: {', '.join(map(str, tree))})"


def _merge(tree: CommentedMap, changes: Mapping) -> None:
    for name, value in changes.items():
        if isinstance(value, Mapping) and isinstance(tree.get(name), Mapping):
            if not _replaces(value):
                if name not in dict(tree.non_merged_items()):
                    tree[name] = _copy(tree[name])  # so that the inherited section does not change
                _merge(tree[name], value)
                continue
            delattr(value, Tag.attrib)
        tree[name] = value
        _move_comment(changes, tree, name)


def _replaces(value: Mapping) -> bool:
    return isinstance(value, CommentedMap) and value.tag.value == REPLACE


def _copy(value: Any) -> Any:
    if not isinstance(value, CommentedMap):
        return deepcopy(value)
    copy = CommentedMap()
    for merged in reversed(value.merge):
        copy.update(_copy(merged))
    copy.update({name: _copy(child) for name, child in value.non_merged_items()})
    return copy


def _move_comment(source: Mapping, target: CommentedMap, name: str) -> None:
    """Move only the comment on the key's line; the lines below belong to the next key."""
    tokens = source.ca.items.get(name) if isinstance(source, CommentedMap) else None
    comment = tokens[2].value.partition("\n")[0] if tokens and tokens[2] else ""
    if not comment:
        return
    if name in target.ca.items and (token := target.ca.items[name][2]):
        _, _, below = token.value.partition("\n")
        token.value = f"{comment}\n{below}"
    else:
        target.yaml_add_eol_comment(comment.lstrip("# "), name)
