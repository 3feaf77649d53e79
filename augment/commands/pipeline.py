"""Commands for the stages of dvc.yaml; flags select a cell, params.yaml holds its settings."""

import click

from augment import augmentations, paths
from augment.arms import Arm
from augment.commands.arm_options import (
    augmentation_options,
    budget,
    model,
    named_augmentation,
    portion,
    ratio,
)
from augment.commands.options import dry_run, examples, portion_option, trained_on
from generators.registry import POSE_NETWORK


@click.command(
    short_help="Read or render the data set into data/prepared.",
    epilog=examples("augment prepare", "augment prepare --dry-run"),
)
@dry_run
def prepare(dry_run: bool) -> None:
    """Read or render the data set, check every image, and write data/prepared."""
    from augment.stages import prepare

    prepare.run(dry_run)


@click.command(
    short_help="Choose the real training images to keep.",
    epilog=examples("augment reduce --portion 0.3"),
)
@portion
@dry_run
def reduce(portion: float, dry_run: bool) -> None:
    """Choose which real training images are kept: at least one per identity.

    Smaller sets are subsets of larger ones.
    """
    from augment.stages import reduce

    reduce.run(portion, dry_run)


@click.command(
    short_help="Train the pose network that some generators use.",
    epilog=examples("augment train-pose-network", "augment train-pose-network --portion 0.3"),
)
@portion_option(
    False,
    "Portion of the reduced set to train on, for leak-free generators.  [default: all real images]",
)
@dry_run
def train_pose_network(portion: float | None, dry_run: bool) -> None:
    """Train the pose network that SPT, and any generator with `perceptual: pose_network`, uses."""
    from augment.stages import train_generator

    train_generator.run(POSE_NETWORK, trained_on(portion), dry_run)


@click.command(
    short_help="Train a generator.",
    epilog=examples(
        "augment train-generator --generator patn",
        "augment train-generator --generator patn --portion 0.3",
        "augment train-generator --dry-run",
    ),
)
@click.option(
    "--generator",
    default="patn",
    show_default=True,
    help="Generator: a key of the section `generators` in params.yaml.",
)
@portion_option(
    False,
    "Portion of the reduced set to train on, for `generate --protocol leak_free`.  [default: all real images]",
)
@dry_run
def train_generator(generator: str, portion: float | None, dry_run: bool) -> None:
    """Train a generator on all real training images, or on a reduced set.

    A killed run resumes at its last checkpoint when it is run again.
    """
    from augment.stages import train_generator

    train_generator.run(generator, trained_on(portion), dry_run)


@click.command(
    short_help="Render images for a reduced or extended set.",
    epilog=examples(
        "augment generate --portion 0.3",
        "augment generate --portion 0.3 --generator patn --protocol leak_free",
        "augment generate --portion 0.3 --generator patn --background other",
        "augment generate --portion 0.3 --augmentation puppet-plate",
        "augment generate --portion 1.0 --ratio 2 --generator patn",
    ),
)
@portion
@ratio
@click.option(
    "--generator",
    help="Trained generator, or puppet.  [default: patn if trained, otherwise puppet]",
)
@augmentation_options
@dry_run
def generate(
    portion: float,
    ratio: int,
    generator: str | None,
    protocol: str | None,
    background: str | None,
    augmentation: str | None,
    dry_run: bool,
) -> None:
    """Render one image per removed image, or per real image of an extended set.

    A killed run resumes when it is run again.
    """
    from augment.stages import generate

    if generator is None and augmentation is None:
        folders = [paths.generator_model("patn", share) for share in (None, portion)]
        is_trained = any((folder / "generator.pt").is_file() for folder in folders)
        generator = "patn" if is_trained else augmentations.PUPPET
    generate.run(
        named_augmentation(augmentation, generator, protocol, background), portion, ratio, dry_run
    )


@click.command(
    short_help="Train and score a re-ID model.",
    epilog=examples(
        "augment train-reid --model inception --portion 0.3",
        "augment train-reid --model inception --portion 0.3 --generator puppet --seed 1",
        "augment train-reid --model inception --portion 0.3 --augmentation puppet-online",
        "augment train-reid --model inception --portion 0.3 --augmentation classic --budget epochs",
        "augment train-reid --model inception --portion 1.0 --ratio 2 --generator patn",
        "augment train-reid --model inception --portion 0.3 --generator patn --validation",
    ),
)
@model
@portion
@ratio
@click.option(
    "--generator", help="Generator whose images to add.  [default: none, the reduced set alone]"
)
@augmentation_options
@budget
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Random seed for weights and batches."
)
@click.option(
    "--validation",
    is_flag=True,
    help="Score on held-out training identities instead of the test set.",
)
@dry_run
def train_reid(
    model: str,
    portion: float,
    ratio: int,
    generator: str | None,
    protocol: str | None,
    background: str | None,
    augmentation: str | None,
    budget: str,
    seed: int,
    validation: bool,
    dry_run: bool,
) -> None:
    """Train a re-ID model on a reduced, augmented or extended set and score it on the test set."""
    from augment.stages import train_reid

    chosen = named_augmentation(augmentation, generator, protocol, background)
    train_reid.run(Arm(model, chosen, portion, ratio, budget, seed), validation, dry_run)


@click.command(
    short_help="Score a generator on held-out identities.",
    epilog=examples(
        "augment evaluate-generator --generator patn",
        "augment evaluate-generator --generator patn --portion 0.3",
        "augment evaluate-generator --generator copy_source",
    ),
)
@click.option(
    "--generator",
    required=True,
    metavar="NAME",
    help="Trained generator, or puppet-pose, puppet, copy_source, mean_image.",
)
@portion_option(
    False,
    "Portion of the reduced set that the generator was trained on.  [default: all real images]",
)
@dry_run
def evaluate_generator(generator: str, portion: float | None, dry_run: bool) -> None:
    """Score a generator on pairs of held-out identities: its report card."""
    from augment.stages import evaluate_generator

    evaluate_generator.run(generator, trained_on(portion), dry_run)


@click.command(
    short_help="Collect all results in reports/.",
    epilog=examples(
        "augment report",
        "augment report --no-tracking",
        "augment report --mlflow-url http://host:5000",
    ),
)
@click.option("--tracking/--no-tracking", default=True, help="Log the curves to MLflow.")
@click.option(
    "--mlflow-url",
    metavar="URL",
    default="http://127.0.0.1:5000",
    show_default=True,
    help="MLflow server that the page links to.",
)
@dry_run
def report(tracking: bool, mlflow_url: str, dry_run: bool) -> None:
    """Collect all results in reports/: a page, tables, figures, and an MLflow run per curve."""
    from augment.stages import report

    report.run(tracking, mlflow_url, dry_run)


COMMANDS: tuple[click.Command, ...] = (
    prepare,
    reduce,
    train_pose_network,
    train_generator,
    generate,
    train_reid,
    evaluate_generator,
    report,
)
