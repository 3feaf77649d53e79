"""Renders pages from templates; the only module that imports Jinja2."""

from pathlib import Path

import jinja2


def environment(folder: Path) -> jinja2.Environment:
    """The environment of a page's templates; undefined names are errors, and values are escaped."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
