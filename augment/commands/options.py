"""What commands share: options, and examples for their --help."""

from collections.abc import Callable
from typing import Any

import click


def _refuse_nan(_: click.Context, __: click.Parameter, value: float | None) -> float | None:
    if value != value:
        raise click.BadParameter("nan is no portion")
    return value


def _reduced_only(
    context: click.Context, parameter: click.Parameter, value: float | None
) -> float | None:
    value = _refuse_nan(context, parameter, value)
    return None if value == 1 else value


def portion_option(required: bool, help: str) -> Callable[[Callable], Callable]:
    """--portion P. Where it is optional, it names the images that a generator was trained on, and 1.0
    means the same as leaving it out: all real images.
    """
    kind = click.FloatRange(0, 1, min_open=True)
    return click.option(
        "--portion",
        type=kind,
        required=required,
        metavar="P",
        callback=_refuse_nan if required else _reduced_only,
        help=help,
    )


def several(flag: str, kind: click.ParamType, **attributes: Any) -> Callable[[Callable], Callable]:
    """An option that reads a list with commas."""

    def read(context: click.Context, parameter: click.Parameter, text: str) -> tuple[Any, ...]:
        return tuple(kind.convert(one.strip(), parameter, context) for one in text.split(","))

    return click.option(flag, metavar="X,X,...", callback=read, **attributes)


def examples(*lines: str) -> str:
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


dry_run = click.option("--dry-run", is_flag=True, help="Check, print the plan, and stop.")
