"""The text of params.yaml for a profile."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from augment.profiles.overlay import applied, with_value

FOLDER = Path(__file__).parent
BASE = "mini"


def descriptions() -> dict[str, str]:
    """Name -> one-line description of every profile, the base first."""
    names = sorted(
        (file.stem for file in FOLDER.glob("*.yaml")), key=lambda name: (name != BASE, name)
    )
    return {name: _source(name).partition("\n")[0].removeprefix(f"# {name}: ") for name in names}


def rendered(name: str, settings: Iterable[str] = ()) -> str:
    """The text of params.yaml.

    Args:
        name: name of the profile.
        settings: KEY=VALUE, a dotted key and the YAML value that replaces that of the profile.

    Raises:
        ValueError: If the profile or a key does not exist, or a value is not YAML.
    """
    names = descriptions()
    if name not in names:
        close = get_close_matches(name, names, 1)
        hint = f"; did you mean {close[0]}?" if close else f" (known: {', '.join(names)})"
        raise ValueError(f"unknown profile {name!r}{hint}")
    text = _source(BASE)
    if name != BASE:
        text = applied(text, _source(name))
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise ValueError(f"--set {setting}: expected KEY=VALUE, e.g. dataset.root=/data/Market")
        text = with_value(text, key.strip(), value)
    return text


def recorded(text: str) -> str | None:
    """The profile that a params.yaml was written from, by its first line."""
    name = text.partition(":")[0].removeprefix("# ")
    return name if name in descriptions() else None


def _source(name: str) -> str:
    return (FOLDER / f"{name}.yaml").read_text()
