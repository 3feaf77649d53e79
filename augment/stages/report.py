"""report: results/reid -> reports/.

    curves.csv     a row per arm and seed
    summary.csv    mean, spread and gap closed
    curves.png     mAP and rank-1 over the portion
    bars.png       mAP of all augmentations beside one another
"""

import click
import pandas as pd

from augment import bars, curves, files, paths, tracking
from augment.files import whole


def run(track: bool, dry_run: bool) -> None:
    found = sorted((paths.RESULTS / "reid").glob("*/*/*/*/seed*.json"))
    click.echo(f"report: {len(found)} results -> {paths.REPORTS}")
    if not found:
        raise FileNotFoundError(f"{paths.RESULTS / 'reid'}: no result in it; run `augment train-reid` or `dvc repro` first")
    table = curves.table(files.read_json(file) | {"file": str(file)} for file in found)
    if dry_run:
        return
    summary = curves.summarise(table)
    for name, frame in (("curves.csv", table.drop(columns="file")), ("summary.csv", summary)):
        with whole(paths.REPORTS / name) as temporary:
            frame.to_csv(temporary, index=False, float_format="%.6g")
    for module, name in ((curves, "curves.png"), (bars, "bars.png")):
        with whole(paths.REPORTS / name) as temporary:
            module.plot(summary, temporary)
    shown = summary.drop(columns=["rank1_std"]).to_string(index=False, float_format=lambda value: f"{value:.3f}", na_rep="")
    click.echo(shown)
    if track:
        _track(summary)


def _track(summary: pd.DataFrame) -> None:
    for key, curve in curves.by_curve(summary):
        points = {round(row.portion * 100): {"mAP": row.mAP_mean, "rank1": row.rank1_mean} for row in curve.itertuples()}
        tracking.replace_curve(" ".join(map(str, key.values())), key, points, paths.REPORTS / "summary.csv")
