"""The commands of the pipeline, one per stage. Flags say which cell; params.yaml says how."""

from collections.abc import Callable
from pathlib import Path

import click

from augment import augmentations, paths
from augment.arms import BUDGETS, Arm
from augment.augmentations import Augmentation
from augment.commands.options import dry_run, examples, portion_option, several
from generators.registry import POSE_NETWORK

portion = portion_option(True, "Portion of the real training images that is kept, in (0, 1].")
ratio = click.option(
    "--ratio",
    type=click.IntRange(1, 3),
    default=1,
    show_default=True,
    help="2 or 3, with --portion 1.0: an extended set, all real images and one or two generated ones for each.",
)
model = click.option("--model", required=True, help="A key under `reid` in params.yaml.")
budget = click.option(
    "--budget",
    type=click.Choice(BUDGETS),
    default=BUDGETS[0],
    show_default=True,
    help="Train all sets for as many updates (iterations), or as many passes over their images (epochs).",
)


def augmentation_options(command: Callable) -> Callable:
    """--generator, --protocol and --background, or all of them as --augmentation NAME."""
    for option in (
        click.option(
            "--augmentation",
            metavar="NAME",
            help="All three as one name: patn, patn-recomposed, puppet-plate, classic, ...",
        ),
        click.option(
            "--background",
            type=click.Choice(("source", "other")),
            help="What is behind a generated person: what the generator drew (source), or the scene of another camera (other). "
            "[default: source; puppet: other]",
        ),
        click.option(
            "--protocol",
            type=click.Choice(augmentations.PROTOCOLS),
            help="Where target poses come from: the removed images (paper), or random images of the reduced set (star; "
            "leak_free, whose generator was trained on the reduced set alone, too). [default: paper; puppet: leak_free]",
        ),
    ):
        command = option(command)
    return command


def named_augmentation(
    name: str | None, generator: str | None, protocol: str | None, background: str | None
) -> Augmentation:
    if name is None:
        return augmentations.from_flags(generator, protocol, background)
    if (generator, protocol, background) != (None, None, None):
        raise click.UsageError(
            "--augmentation names generator, protocol and background already: give it alone"
        )
    return augmentations.parse(name)


@click.command(epilog=examples("augment plan", "augment plan && dvc repro"))
@dry_run
def plan(dry_run: bool) -> None:
    """Derive the pipeline's cells from the arms in params.yaml (section `sweep`) into sweep.yaml.

    Exits with 1 after writing: DVC has read the old file by then, so run `dvc repro` again.
    """
    from augment.stages import plan

    if not plan.run(dry_run):
        raise SystemExit(1)


@click.command(
    epilog=examples(
        "augment profile                                   list the profiles",
        "augment profile grid && dvc repro",
        "augment profile market1501 --set dataset.root=/data/Market --dry-run",
        "augment profile folder --set dataset.annotations='[a.csv, b.csv]'",
    ),
    short_help="List profiles, or write params.yaml from one.",
)
@click.argument("name", required=False)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Value for a key of the profile, in YAML. Repeatable.",
)
@click.option("--force", is_flag=True, help="Overwrite a params.yaml that has edits.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default="params.yaml",
    show_default=True,
    help="File to write; sweep.yaml is written next to a params.yaml.",
)
@dry_run
def profile(
    name: str | None, settings: tuple[str, ...], force: bool, output: Path, dry_run: bool
) -> None:
    """Write params.yaml from the profile NAME, and sweep.yaml; without NAME, list the profiles.

    A file with edits is not overwritten without --force.
    """
    from augment.stages import profile

    if name is None:
        profile.show()
    else:
        profile.run(name, settings, output, force, dry_run)


@click.command(epilog=examples("augment prepare", "augment prepare --dry-run"))
@dry_run
def prepare(dry_run: bool) -> None:
    """Read or render the data set into data/prepared, checking every image."""
    from augment.stages import prepare

    prepare.run(dry_run)


@click.command(epilog=examples("augment reduce --portion 0.3"))
@portion
@dry_run
def reduce(portion: float, dry_run: bool) -> None:
    """Choose the portion of real training images that is kept: at least one per identity, small
    sets inside larger.
    """
    from augment.stages import reduce

    reduce.run(portion, dry_run)


@click.command(
    epilog=examples(
        "augment train-generator --generator patn",
        "augment train-generator --generator patn --portion 0.3",
        "augment train-generator --dry-run",
    )
)
@click.option(
    "--generator",
    default="patn",
    show_default=True,
    help="A key under `generators` in params.yaml.",
)
@portion_option(
    False, "Train on the reduced set of this portion alone, for `generate --protocol leak_free`."
)
@dry_run
def train_generator(generator: str, portion: float | None, dry_run: bool) -> None:
    """Train a generator on all real training images, or a reduced set; run again to go on where a
    killed run stopped.
    """
    from augment.stages import train_generator

    train_generator.run(generator, portion, dry_run)


@click.command(
    epilog=examples("augment train-pose-network", "augment train-pose-network --portion 0.3")
)
@portion_option(False, "Train on the reduced set of this portion alone, for leak-free generators.")
@dry_run
def train_pose_network(portion: float | None, dry_run: bool) -> None:
    """Train the pose network that SPT, and any generator with `perceptual: pose_network`, is
    trained with.
    """
    from augment.stages import train_generator

    train_generator.run(POSE_NETWORK, portion, dry_run)


@click.command(
    epilog=examples(
        "augment profile-generators", "augment profile-generators patn apatn --seconds 5"
    )
)
@click.argument("generators", nargs=-1)
@click.option(
    "--seconds",
    type=click.FloatRange(0),
    default=2.0,
    show_default=True,
    help="How long each timing is repeated.",
)
def profile_generators(generators: tuple[str, ...], seconds: float) -> None:
    """Print size and speed of generators, of all without GENERATORS, as params.yaml has them."""
    from augment.results.report_card import profile

    profile.run(generators, seconds)


@click.command(
    epilog=examples(
        "augment generate --portion 0.3",
        "augment generate --portion 0.3 --generator patn --protocol leak_free",
        "augment generate --portion 0.3 --generator patn --background other",
        "augment generate --portion 0.3 --augmentation puppet-plate",
        "augment generate --portion 1.0 --ratio 2 --generator patn",
    )
)
@portion
@ratio
@click.option(
    "--generator",
    help="A trained generator, or puppet.  [default: patn where it is trained, else puppet]",
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
    """Render one image for every removed one, or for each of all; run again to go on where a killed
    run stopped.
    """
    from augment.stages import generate

    if generator is None and augmentation is None:
        trained = [paths.generator_model("patn", one) / "generator.pt" for one in (None, portion)]
        generator = "patn" if any(file.is_file() for file in trained) else augmentations.PUPPET
    generate.run(
        named_augmentation(augmentation, generator, protocol, background), portion, ratio, dry_run
    )


@click.command(
    epilog=examples(
        "augment evaluate-generator --generator patn",
        "augment evaluate-generator --generator patn --portion 0.3",
        "augment evaluate-generator --generator copy_source",
    )
)
@click.option(
    "--generator",
    required=True,
    metavar="NAME",
    help="A trained generator, puppet-pose, puppet, copy_source or mean_image.",
)
@portion_option(False, "The generator that was trained on the reduced set of this portion alone.")
@dry_run
def evaluate_generator(generator: str, portion: float | None, dry_run: bool) -> None:
    """Score a generator on pairs of people whom it has never seen: its report card."""
    from augment.stages import evaluate_generator

    evaluate_generator.run(generator, portion, dry_run)


@click.command(
    epilog=examples("augment compare patn apatn", "augment compare patn patn-leak_free-0.3")
)
@click.argument("names", nargs=2, metavar="NAME NAME")
def compare(names: tuple[str, str]) -> None:
    """Compare two evaluated generators on the same pairs, with the interval of each difference."""
    from augment.results.report_card import compare

    compare.run(*names)


@click.command(
    epilog=examples(
        "augment train-reid --model inception --portion 0.3",
        "augment train-reid --model inception --portion 0.3 --generator puppet --seed 1",
        "augment train-reid --model inception --portion 0.3 --augmentation puppet-online",
        "augment train-reid --model inception --portion 0.3 --augmentation classic --budget epochs",
        "augment train-reid --model inception --portion 1.0 --ratio 2 --generator patn",
        "augment train-reid --model inception --portion 0.3 --generator patn --validation",
    )
)
@model
@portion
@ratio
@click.option("--generator", help="Add this generator's images; without it, the reduced set alone.")
@augmentation_options
@budget
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of weights and batches.")
@click.option(
    "--validation",
    is_flag=True,
    help="Hold training identities out, and score on them instead of the test set.",
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
    epilog=examples(
        "augment tune --model inception --augmentation patn --portion 0.3 --name share \\",
        "    --set generated.share=null,0.3,0.5 --set generated.label_smoothing=0.0,0.1 --seeds 0,1",
        "augment tune --model inception --augmentation classic --portion 0.1,0.3 --name classic --set classic.erasing=0.0,0.5",
    )
)
@model
@several(
    "--augmentation",
    click.STRING,
    default="none",
    show_default=True,
    help="Names, as of train-reid.",
)
@several(
    "--portion",
    click.FloatRange(0, 1, min_open=True),
    required=True,
    help="Portions of the real training images.",
)
@ratio
@budget
@several("--seeds", click.INT, default="0", show_default=True, help="Seeds of weights and batches.")
@click.option(
    "--set",
    "switches",
    multiple=True,
    metavar="KEY=V,V",
    help="A key of params.yaml and the values to try, one switch at a time beside params.yaml as it is.",
)
@click.option("--grid", is_flag=True, help="Try all combinations of the values.")
@click.option("--name", required=True, help="Of the table, results/tuning/NAME.csv.")
@dry_run
def tune(
    model: str,
    augmentation: tuple[str, ...],
    portion: tuple[float, ...],
    ratio: int,
    budget: str,
    seeds: tuple[int, ...],
    switches: tuple[str, ...],
    grid: bool,
    name: str,
    dry_run: bool,
) -> None:
    """Compare settings on held-out training identities, never on the test set; run again to go on
    after an interruption.
    """
    from augment.reid_training import tune

    chosen = [augmentations.parse(name) for name in augmentation]
    arms = [
        Arm(model, one, share, ratio, budget, seed)
        for one in chosen
        for share in portion
        for seed in seeds
    ]
    tune.run(arms, tune.parse_switches(switches), grid, name, dry_run)


@click.command(
    epilog=examples(
        "augment user-study --generator patn",
        "augment user-study --generator patn --generator apatn --form ab --output reports/patn_or_apatn.html",
        "augment user-study --score answers-*.json",
    )
)
@click.option(
    "--generator",
    "generators",
    multiple=True,
    metavar="NAME",
    help="Whose images are judged; may be given again.",
)
@click.option(
    "--form",
    type=click.Choice(("real-or-generated", "ab")),
    default="real-or-generated",
    show_default=True,
    help="An image a second, real or generated? Or: which generator's image is better, without a time limit?",
)
@click.option(
    "--images",
    type=click.IntRange(1),
    default=55,
    show_default=True,
    help="Real images and as many generated ones, for each generator; pairs of form ab.",
)
@click.option(
    "--practice",
    type=click.IntRange(0),
    help="How many trials at the beginning do not count.  [default: 10; ab: 0]",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Seed of the choice and order of images."
)
@click.option(
    "--with-target",
    is_flag=True,
    help="ab: show the real image of the target, too, as SPGNet's raters saw it.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default="reports/user_study.html",
    show_default=True,
    help="The page; its key lies beside it, and its table.",
)
@click.option(
    "--score", is_flag=True, help="Make the table of ANSWERS, the files that raters have saved."
)
@click.argument("answers", nargs=-1, type=click.Path(path_type=Path))
@dry_run
def user_study(
    generators: tuple[str, ...],
    form: str,
    images: int,
    practice: int | None,
    seed: int,
    with_target: bool,
    output: Path,
    score: bool,
    answers: tuple[Path, ...],
    dry_run: bool,
) -> None:
    """Write a page on which people judge generated images, or score the answers that they have
    saved there.
    """
    from augment.results.user_study import run

    if score != bool(answers):
        raise click.UsageError("--score and files of answers go together")
    if score and generators:
        raise click.UsageError("--score reads the generators from the key: leave --generator out")
    if score:
        run.run_score(answers, output)
        return
    if not generators:
        raise click.UsageError("give --generator NAME, or --score and files of answers")
    practice = (0 if form == "ab" else 10) if practice is None else practice
    run.run(run.Options(generators, form, images, practice, seed, with_target), output, dry_run)


@click.command(
    epilog=examples(
        "augment report",
        "augment report --no-tracking",
        "augment report --mlflow-url http://host:5000",
    )
)
@click.option("--tracking/--no-tracking", default=True, help="Write the curves to MLflow.")
@click.option(
    "--mlflow-url",
    metavar="URL",
    default="http://127.0.0.1:5000",
    show_default=True,
    help="Where links to runs lead.",
)
@dry_run
def report(tracking: bool, mlflow_url: str, dry_run: bool) -> None:
    """Gather all results into reports/: a page, tables and pictures, and a run per curve in
    MLflow.
    """
    from augment.stages import report

    report.run(tracking, mlflow_url, dry_run)


COMMANDS = (
    profile, plan, prepare, reduce, train_generator, train_pose_network, generate, train_reid,
    evaluate_generator, compare, tune, report, user_study, profile_generators,
)  # fmt: skip
