"""Commands around the pipeline: tune, compare, user-study, profile-generators, ui."""

from pathlib import Path

import click

from augment import augmentations
from augment.arms import Arm
from augment.commands.arm_options import budget, model, ratio
from augment.commands.options import dry_run, examples, several


@click.command(
    short_help="Compare settings on held-out training identities.",
    epilog=examples(
        "augment tune --model inception --augmentation patn --portion 0.3 --name share \\",
        "    --set generated.share=null,0.3,0.5 --set generated.label_smoothing=0.0,0.1 --seeds 0,1",
        "augment tune --model inception --augmentation classic --portion 0.1,0.3 --name classic --set classic.erasing=0.0,0.5",
    ),
)
@model
@several(
    "--augmentation",
    click.STRING,
    default="none",
    show_default=True,
    help="Augmentations, named as for train-reid.",
)
@several(
    "--portion",
    click.FloatRange(0, 1, min_open=True),
    required=True,
    help="Portions of the real training images.",
)
@ratio
@budget
@several(
    "--seeds",
    click.INT,
    default="0",
    show_default=True,
    help="Random seeds for weights and batches.",
)
@click.option(
    "--set",
    "switches",
    multiple=True,
    metavar="KEY=V,V",
    help="Key of params.yaml and values to try, one key at a time in addition to params.yaml as it is. Repeatable.",
)
@click.option("--grid", is_flag=True, help="Try all combinations of the values.")
@click.option("--name", required=True, help="Name of the table, results/tuning/NAME.csv.")
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
    """Compare settings on held-out training identities, never on the test set.

    A stopped run resumes when it is run again.
    """
    from augment.reid_training import tune

    chosen = [augmentations.parse(name) for name in augmentation]
    arms = [
        Arm(model, augmentation, share, ratio, budget, seed)
        for augmentation in chosen
        for share in portion
        for seed in seeds
    ]
    tune.run(arms, tune.parse_switches(switches), grid, name, dry_run)


@click.command(
    short_help="Compare two report cards.",
    epilog=examples("augment compare patn apatn", "augment compare patn patn-leak_free-0.3"),
)
@click.argument("names", nargs=2, metavar="NAME NAME")
def compare(names: tuple[str, str]) -> None:
    """Print the differences between two report cards on the same pairs, with their intervals."""
    from augment.results.report_card import compare

    compare.run(*names)


@click.command(
    short_help="Write or score a page for human raters.",
    epilog=examples(
        "augment user-study --generator patn",
        "augment user-study --generator patn --generator apatn --form ab --output reports/patn_or_apatn.html",
        "augment user-study --score answers-*.json",
    ),
)
@click.option(
    "--generator",
    "generators",
    multiple=True,
    metavar="NAME",
    help="Generator whose images are judged. Repeatable.",
)
@click.option(
    "--form",
    type=click.Choice(("real-or-generated", "ab")),
    default="real-or-generated",
    show_default=True,
    help="Real or generated, one second per image; or which of several generators is best (ab), untimed.",
)
@click.option(
    "--images",
    type=click.IntRange(1),
    default=55,
    show_default=True,
    help="Number of real images, and of generated images per generator; of pairs with ab.",
)
@click.option(
    "--practice",
    type=click.IntRange(0),
    help="Number of initial trials that do not count.  [default: 10; ab: 0]",
)
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Random seed for sampling and ordering images.",
)
@click.option(
    "--with-target",
    is_flag=True,
    help="Also show the real target image (ab), as SPGNet's raters saw it.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default="reports/user_study.html",
    show_default=True,
    help="HTML page to write. Key and table are written next to it.",
)
@click.option("--score", is_flag=True, help="Score ANSWERS, the files that raters saved.")
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
    """Write a page on which raters judge generated images, or score their saved ANSWERS."""
    from augment.results.user_study import run

    if score != bool(answers):
        raise click.UsageError("--score and files of answers go together")
    if score and generators:
        raise click.UsageError("--score reads the generators from the key: leave --generator out")
    if score:
        run.run_score(answers, output)
        return
    if not generators:
        raise click.UsageError("expected --generator NAME, or --score and files of answers")
    practice = (0 if form == "ab" else 10) if practice is None else practice
    run.run(run.Options(generators, form, images, practice, seed, with_target), output, dry_run)


@click.command(
    short_help="Print size and speed of generators.",
    epilog=examples(
        "augment profile-generators", "augment profile-generators patn apatn --seconds 5"
    ),
)
@click.argument("generators", nargs=-1)
@click.option(
    "--seconds",
    type=click.FloatRange(0),
    default=2.0,
    show_default=True,
    help="Seconds per timing.",
)
def profile_generators(generators: tuple[str, ...], seconds: float) -> None:
    """Print size and speed of GENERATORS, or of all in params.yaml."""
    from augment.results.report_card import profile

    profile.run(generators, seconds)


@click.command(
    short_help="Open MLflow on the project's runs.",
    epilog=examples("augment ui", "augment ui --port 5001 --no-browser"),
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on. Other machines can reach any but the default.",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=5000,
    show_default=True,
    help="Port to listen on. The links of reports/index.html lead to the default.",
)
@click.option("--browser/--no-browser", default=True, help="Open the page in a browser.")
@dry_run
def ui(host: str, port: int, browser: bool, dry_run: bool) -> None:
    """Start MLflow's server on the project's store and open the chart of the curves.

    If MLFLOW_TRACKING_URI names a server, that one is opened.
    """
    from augment.stages import ui

    ui.run(host, port, browser, dry_run)


COMMANDS: tuple[click.Command, ...] = (tune, compare, user_study, profile_generators, ui)
