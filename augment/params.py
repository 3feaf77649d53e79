"""Loads params.yaml into frozen dataclasses, strictly.

A section of the file fills a dataclass next to the code that it configures: every field must be
present, other keys are errors, and each value must have the field's type. Nothing has a default, so
that each value is defined in one place.
"""

import dataclasses
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import yaml

from generators.registry import generator_class

FILE = Path("params.yaml")

T = TypeVar("T")

# Dotted key -> value that replaces the one in the file.
Overrides = Mapping[str, Any]
NO_OVERRIDES: Overrides = MappingProxyType({})


def load(cls: type[T], section: str, file: Path = FILE, overrides: Overrides = NO_OVERRIDES) -> T:
    """The dotted `section` of `file` as an instance of the dataclass `cls`.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If a key is missing, unknown or of the wrong type, or an override names no key;
            the message names file and key.
    """
    return _build(cls, raw(section, file, overrides), f"{file}: {section}")


def generator(name: str) -> Any:
    """A new generator, or pose network, with the settings of section `generators.<name>`.

    Raises:
        ValueError: If the generator is unknown, or its section is invalid.
    """
    kind = generator_class(name)
    return kind(load(kind.Params, f"generators.{name}"))


def raw(section: str, file: Path = FILE, overrides: Overrides = NO_OVERRIDES) -> Any:
    """The YAML value of the dotted `section` of `file`."""
    if not file.is_file():
        raise FileNotFoundError(
            f"{file}: not found; run from the project's folder, or write one there with `augment profile`"
        )
    try:
        value = yaml.safe_load(file.read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"{file}: not YAML ({error})") from error
    for key, override in overrides.items():
        _find(value, key, file)
        value = _replaced(value, key.split("."), override)
    return _find(value, section, file)


def _replaced(tree: dict[str, Any], keys: list[str], value: Any) -> Any:
    """Replace a value by copying along the path, so that YAML aliases of a mapping keep theirs."""
    return {**tree, keys[0]: _replaced(tree[keys[0]], keys[1:], value)} if keys else value


def _find(value: Any, section: str, file: Path) -> Any:
    for depth, key in enumerate(keys := section.split(".")):
        if not isinstance(value, dict) or key not in value:
            known = ", ".join(map(str, value)) if isinstance(value, dict) else type(value).__name__
            raise ValueError(f"{file}: no key {'.'.join(keys[: depth + 1])!r} (known: {known})")
        value = value[key]
    return value


def _build(cls: Any, value: Any, where: str) -> Any:
    """`value` as `cls`, which is a dataclass, a plain type, a tuple, a Literal, or a union."""
    origin, arguments = typing.get_origin(cls), typing.get_args(cls)
    if dataclasses.is_dataclass(cls):
        return _build_dataclass(cls, value, where)
    if origin in (typing.Union, types.UnionType):
        return _build_union(arguments, value, where)
    if origin is typing.Literal:
        if value in arguments and not isinstance(value, bool):
            return value
        raise ValueError(f"{where}: {value!r} is not one of {', '.join(map(str, arguments))}")
    if origin is tuple:
        if not isinstance(value, list):
            raise ValueError(f"{where}: expected a list, found {_describe(value)}")
        if arguments[-1] is Ellipsis:
            arguments = (arguments[0],) * len(value)
        if len(value) != len(arguments):
            raise ValueError(f"{where}: expected {len(arguments)} values, found {len(value)}")
        return tuple(
            _build(a, v, f"{where}[{i}]")
            for i, (a, v) in enumerate(zip(arguments, value, strict=True))
        )
    if cls is float and type(value) is int:
        return float(value)
    if cls is type(None) and value is None or type(value) is cls:
        return value
    hint = ""
    if cls is float and isinstance(value, str):
        hint = " (YAML reads 2e-4 as a string: write 2.0e-4)"
    raise ValueError(
        f"{where}: expected {getattr(cls, '__name__', cls)}, found {_describe(value)}{hint}"
    )


def _build_dataclass(cls: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"{where}: expected keys and values, found {_describe(value)}")
    hints = typing.get_type_hints(cls)
    names = [field.name for field in dataclasses.fields(cls)]
    if missing := [name for name in names if name not in value]:
        raise ValueError(f"{where}: missing key {', '.join(missing)}")
    if unknown := [str(key) for key in value if key not in names]:
        raise ValueError(f"{where}: unknown key {', '.join(unknown)} (known: {', '.join(names)})")
    return cls(**{name: _build(hints[name], value[name], f"{where}.{name}") for name in names})


def _build_union(arguments: tuple[Any, ...], value: Any, where: str) -> Any:
    failures = []
    for argument in arguments:
        try:
            return _build(argument, value, where)
        except ValueError as error:
            failures.append(str(error))
    raise ValueError("; or ".join(failures))


def _describe(value: Any) -> str:
    return f"{type(value).__name__} {value!r}"
