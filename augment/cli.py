"""The command `augment`: one command per stage. Flags say which cell; params.yaml says how."""

import os
from collections.abc import Callable
from typing import Any

import click

from augment import paths

EXPECTED = (ValueError, OSError, FloatingPointError)


class _Stages(click.Group):
    """A group that prints what a user can mend as one line; AUGMENT_DEBUG=1 shows where it arose."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except EXPECTED as error:
            if os.environ.get("AUGMENT_DEBUG"):
                raise
            raise click.ClickException(str(error)) from error


def _refuse_nan(_: click.Context, __: click.Parameter, value: float | None) -> float | None:
    if value != value:
        raise click.BadParameter("nan is no portion")
    return value


def portion_option(required: bool, help: str) -> Callable[[Callable], Callable]:
    kind = click.FloatRange(0, 1, min_open=True)
    return click.option("--portion", type=kind, required=required, metavar="P", callback=_refuse_nan, help=help)


portion = portion_option(True, "Portion of the real training images that is kept, in (0, 1].")
dry_run = click.option("--dry-run", is_flag=True, help="Check, print the plan, and stop.")
protocol = click.option(
    "--protocol", type=click.Choice(paths.PROTOCOLS), default="paper", show_default=True,
    help="Where target poses come from: the removed images (paper), or random images of the reduced set (star, and "
    "leak_free, whose generator was trained on that set alone).",
)  # fmt: skip


def examples(*lines: str) -> str:
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


@click.group(
    cls=_Stages,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog=examples(
        "dvc repro                          the whole sweep, as params.yaml says",
        "augment prepare                    ... or stage by stage",
        "augment reduce --portion 0.3",
        "augment train-generator --generator patn",
        "augment generate --portion 0.3",
        "augment train-reid --model inception --portion 0.3 --generator patn",
        "augment report",
        "mlflow ui --backend-store-uri sqlite:///mlflow.db",
    ),
)
@click.version_option(package_name="reid-augment")
def main() -> None:
    """How much of the accuracy that a re-ID model loses for want of real images can generated images win back?"""


@main.command(epilog=examples("augment prepare", "augment prepare --dry-run"))
@dry_run
def prepare(dry_run: bool) -> None:
    """Read or render the data set into data/prepared, checking every image."""
    from augment.stages import prepare

    prepare.run(dry_run)


@main.command(epilog=examples("augment reduce --portion 0.3"))
@portion
@dry_run
def reduce(portion: float, dry_run: bool) -> None:
    """Choose the portion of real training images that is kept: at least one per identity, small sets inside larger."""
    from augment.stages import reduce

    reduce.run(portion, dry_run)


@main.command(
    epilog=examples(
        "augment train-generator --generator patn",
        "augment train-generator --generator patn --portion 0.3",
        "augment train-generator --dry-run",
    )
)
@click.option("--generator", default="patn", show_default=True, help="A key under `generators` in params.yaml.")
@portion_option(False, "Train on the reduced set of this portion alone, for `generate --protocol leak_free`.")
@dry_run
def train_generator(generator: str, portion: float | None, dry_run: bool) -> None:
    """Train a generator on all real training images, or a reduced set; run again to go on where a killed run stopped."""
    from augment.stages import train_generator

    train_generator.run(generator, portion, dry_run)


@main.command(
    epilog=examples(
        "augment generate --portion 0.3",
        "augment generate --portion 0.3 --protocol star",
        "augment generate --portion 0.3 --protocol leak_free",
    )
)
@portion
@click.option("--generator", default="patn", show_default=True, help="A trained generator.")
@protocol
@dry_run
def generate(portion: float, generator: str, protocol: str, dry_run: bool) -> None:
    """Render one image for every removed one; run again to go on where a killed run stopped."""
    from augment.stages import generate

    generate.run(generator, protocol, portion, dry_run)


@main.command(
    epilog=examples(
        "augment train-reid --model inception --portion 0.3",
        "augment train-reid --model inception --portion 0.3 --generator patn --seed 1",
        "augment train-reid --model inception --portion 0.3 --augmentation patn-star",
    )
)
@click.option("--model", required=True, help="A key under `reid` in params.yaml.")
@portion
@click.option("--generator", help="Add this generator's images; without it, the reduced set alone.")
@protocol
@click.option("--augmentation", help="The same as one name: none, patn, patn-leak_free, ...")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of weights and batches.")
@dry_run
def train_reid(
    model: str, portion: float, generator: str | None, protocol: str, augmentation: str | None, seed: int, dry_run: bool
) -> None:
    """Train a re-ID model on a reduced or augmented set and score it on the test set."""
    from augment.stages import train_reid

    if augmentation is not None and generator is not None:
        raise click.UsageError("--augmentation names the generator already: give one of --generator and --augmentation")
    train_reid.run(model, augmentation or paths.augmentation(generator, protocol), portion, seed, dry_run)


@main.command(epilog=examples("augment report", "augment report --no-tracking"))
@click.option("--tracking/--no-tracking", default=True, help="Write the curves to MLflow.")
@dry_run
def report(tracking: bool, dry_run: bool) -> None:
    """Gather all results into reports/: curves.csv, summary.csv, curves.png, and a run per curve in MLflow."""
    from augment.stages import report

    report.run(tracking, dry_run)
