"""Options that commands share, and examples for their --help."""

from collections.abc import Callable
from typing import Any

import click


def _refuse_nan(_: click.Context, __: click.Parameter, value: float | None) -> float | None:
    if value != value:
        raise click.BadParameter("nan is not a portion")
    return value


def portion_option(required: bool, help: str) -> Callable[[Callable], Callable]:
    """Option --portion P: the share of the real training images that is kept."""
    return click.option(
        "--portion",
        type=click.FloatRange(0, 1, min_open=True),
        required=required,
        metavar="P",
        callback=_refuse_nan,
        help=help,
    )


def trained_on(portion: float | None) -> float | None:
    """Convert a generator's --portion: 1.0 is the same as omitting it, all real images."""
    return None if portion == 1 else portion


def several(flag: str, kind: click.ParamType, **attributes: Any) -> Callable[[Callable], Callable]:
    """An option that takes a comma-separated list."""

    def read(context: click.Context, parameter: click.Parameter, text: str) -> tuple[Any, ...]:
        return tuple(kind.convert(part.strip(), parameter, context) for part in text.split(","))

    return click.option(flag, metavar="X,X,...", callback=read, **attributes)


def examples(*lines: str) -> str:
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


dry_run = click.option("--dry-run", is_flag=True, help="Check, print the plan, and stop.")
