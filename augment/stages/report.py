"""report: results -> reports/.

index.html      everything on one self-contained page
curves.csv      one row per arm and seed
summary.csv     mean, spread and gap closed; difference to `none`, its spread, and whether the arm
                does harm
curves.png      mAP and rank-1 over the portion
bars.png        mAP of all augmentations side by side
generators.csv  one row per report card of a generator, if there are any
headline.json   the scores and gaps that `dvc metrics` shows
plots/          the tables that `dvc plots` shows
"""

from typing import Any

import click
import pandas as pd

from augment import files, params, paths, prepared, tracking
from augment.files import whole
from augment.results import bars, curves, for_dvc, harm, page
from augment.results.page import answer, chart
from augment.results.report_card import card


def run(track: bool, mlflow_url: str, dry_run: bool) -> None:
    result_files = sorted((paths.RESULTS / "reid").rglob("seed*.json"))
    tuning = sorted((paths.RESULTS / "tuning").glob("*.csv"))
    click.echo(
        f"report: {len(result_files)} results, {len(tuning)} tables of tuning -> {paths.REPORTS}"
    )
    if not result_files:
        raise FileNotFoundError(
            f"{paths.RESULTS / 'reid'}: no results; run `augment train-reid` or `dvc repro` first"
        )
    results = [files.read_json(file) | {"file": str(file)} for file in result_files]
    table, cards = curves.table(results), card.all_cards()
    if dry_run:
        return
    summary = harm.judge(curves.summarise(table))
    with tracking.curves(paths.REPORTS / "summary.csv", track) as tracked:
        _track(summary, tracked)
        _track_best(results, tracked)
        for name, frame in (("curves.csv", table.drop(columns="file")), ("summary.csv", summary)):
            with whole(paths.REPORTS / name) as temporary:
                frame.to_csv(temporary, index=False, float_format="%.6g")
        for module, name in ((curves, "curves.png"), (bars, "bars.png")):
            with whole(paths.REPORTS / name) as temporary:
                module.plot(summary, temporary)
        card.write_table()
        for_dvc.write(summary, cards)
        # Crops go on the page only if every result and data/ itself come from the rendered people.
        datasets = {*table["dataset"], *(entry["dataset"] for entry in cards)}
        embed = datasets | {params.raw("dataset.name")} == {"mini_market"}
        page.write(
            paths.REPORTS / "index.html",
            summary,
            results,
            cards,
            tuning,
            mlflow_url,
            tracked.experiment,
            embed,
        )
    shown = summary.drop(columns=["rank1_std", "spread", "harm"])
    click.echo(shown.to_string(index=False, float_format=lambda value: f"{value:.3f}", na_rep=""))
    for dataset in answer.any_camera(results):
        click.secho(f"{dataset}: {prepared.CAMERAS_UNKNOWN}", fg="yellow")
    _warn(summary)
    click.echo(f"the page: {(paths.REPORTS / 'index.html').absolute().as_uri()}")


def _warn(judged: pd.DataFrame) -> None:
    for text in harm.alarms(judged):
        click.secho(f"HARM {text}", fg="red", bold=True)
    for text in harm.defeats(harm.rivals(judged)):
        click.secho(str(text), fg="yellow")
    for text in harm.unjudged(judged):
        click.echo(f"not compared, because `none` is missing there: {text}")


def _track(summary: pd.DataFrame, tracked: tracking.Curves) -> None:
    style = chart.styles(summary["augmentation"])
    for key, curve in curves.by_curve(summary):
        points = {
            round(row.position * 100): {"mAP": row.mAP_mean, "rank1": row.rank1_mean}
            for row in curves.rows(curve)
        }
        name = " ".join(key[part] for part in ("augmentation", "model", "budget", "dataset"))
        colour, _ = chart.COLOURS[style[key["augmentation"]].colour]
        tracked.replace(name, key, points, colour)


def _track_best(results: list[dict[str, Any]], tracked: tracking.Curves) -> None:
    """Register the model with the highest mAP on each data set, of those that were tracked."""
    best: dict[str, dict[str, Any]] = {}
    for result in results:
        dataset = result["dataset"]
        if result.get("mlflow") and result["mAP"] > best.get(dataset, {"mAP": -1})["mAP"]:
            best[dataset] = result
    for dataset, result in best.items():
        tracked.best(dataset, result["mlflow"]["run"], result["mAP"])
