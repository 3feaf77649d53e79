"""reports/index.html: the whole report on one self-contained page.

| module | content |
|---|---|
| answer | the sentences at the top, and the section "What was used" |
| chart | curves: numbers -> coordinates of a drawing |
| tables | gap closed, all arms, choices on held-out identities |
| generators, measures, papers | the generators' report cards, next to the papers' tables |
| dots | one metric of several generators -> coordinates of a drawing |
| pictures | contact sheets and ranked lists, as data URLs |
| page.html, charts.html, generators.html, page.css, page.js | templates for Jinja2, style and script |
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from augment import prepared
from augment.arms import Arm
from augment.augmentations import NONE, parse
from augment.files import whole
from augment.results import harm, table6, templates
from augment.results.curves import groups
from augment.results.page import answer, chart, generators, pictures, tables
from augment.tracking import chart_address

HERE = Path(__file__).parent
METRICS = {"mAP": "mAP", "rank1": "rank-1"}


def write(
    file: Path,
    judged: pd.DataFrame,
    results: Sequence[Mapping[str, Any]],
    cards: Sequence[Mapping[str, Any]],
    tuning: Sequence[Path],
    mlflow_url: str,
    curves: str | None,
    embed: bool,
) -> None:
    """Write the page.

    Args:
        file: path of the page.
        judged: from harm.judge.
        results: from train-reid, with `file`.
        cards: from evaluate-generator.
        tuning: files of `augment tune`.
        mlflow_url: address of the MLflow server that the links lead to.
        curves: id of the experiment of the curves in MLflow; None if they were not tracked.
        embed: whether the data set's images may be shown.
    """
    style = chart.styles(judged["augmentation"])
    answers = answer.answers(judged)
    shown = pictures.ranks(_ranked_arms(answers, results)) if embed else []
    people = pictures.people(shown)
    compared = harm.rivals(judged)
    environment = templates.environment(HERE)
    environment.filters |= {
        "sentence": answer.sentence,
        "signed": lambda value: f"{value:+.3f}".replace("-", "\u2212"),
    }
    text = environment.get_template("page.html").render(
        css=(HERE / "page.css").read_text(),
        js=(HERE / "page.js").read_text(),
        style=style,
        colours=chart.COLOURS,
        answers=answers,
        alarms=harm.alarms(judged),
        defeats=harm.defeats(compared),
        harmed=int(judged["harm"].sum()),
        unjudged=harm.unjudged(judged),
        judged=int(judged["difference"].notna().sum()),
        of_one_seed=int((judged["difference"].notna() & judged["spread"].isna()).sum()),
        compared=len(compared),
        figures=_figures(judged, style),
        arms=tables.arms(judged, results, mlflow_url),
        many_sets=judged["dataset"].nunique() > 1,
        curves="" if curves is None else chart_address(mlflow_url, curves),
        cards=generators.sections(cards, mlflow_url, embed),
        tuned=[tables.tuned(table) for table in tuning],
        embed=embed,
        sheets=pictures.sheets(judged) if embed else [],
        ranks=shown,
        people=people,
        numbers={path: number for number, path in enumerate(people)},
        used=answer.used(results),
        any_camera=answer.any_camera(results),
        cameras_unknown=prepared.CAMERAS_UNKNOWN,
    )
    with whole(file) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _figures(judged: pd.DataFrame, style: dict[str, chart.Style]) -> list[dict[str, Any]]:
    """One figure per data set and model: charts by budget and metric, legend, and gap closed."""
    figures = []
    for (dataset, model), arms in groups(judged, ["dataset", "model"]):
        of_model = table6.published() if dataset == table6.DATASET else arms[:0]
        of_model = of_model[of_model["model"] == model].assign(harm=False)
        names = chart.ordered(arms["augmentation"])
        drawn = of_model[of_model["augmentation"].isin([*names, NONE, "patn"])]
        charts = [
            (
                budget,
                [
                    chart.draw(
                        f"{title} against portion",
                        rows,
                        metric,
                        drawn if metric == "mAP" else drawn[:0],
                        style,
                    )
                    for metric, title in METRICS.items()
                ],
            )
            for budget, rows in sorted(arms.groupby("budget"), reverse=True)
        ]
        figures.append(
            {
                "dataset": dataset,
                "model": model,
                "charts": charts,
                "names": names,
                "published": chart.ordered(drawn["augmentation"]),
                "gaps": tables.grid(
                    arms[(arms["portion"] < 1) & arms["gap_closed"].notna()], names
                ),
                "gaps_published": drawn[drawn["gap_closed"].notna()].groupby("augmentation"),
                "extended": tables.grid(
                    arms[(arms["ratio"] > 1) & arms["difference"].notna()], names
                ),
            }
        )
    return figures


def _ranked_arms(
    answers: Sequence[answer.Answer], results: Sequence[Mapping[str, Any]]
) -> list[Arm]:
    """The arms whose ranked lists are shown, with one seed each.

    These are real images alone and the best augmentation, at the smallest portion of the first
    answer.
    """
    if not answers:
        return []
    first, best = answers[0], answers[0].best[0]
    shared = {"model": first.model, "portion": best.portion, "ratio": 1, "budget": first.budget}
    arms = []
    for name in (NONE, best.augmentation):
        cell = shared | {"augmentation": name}
        seed = min(result["seed"] for result in results if cell.items() <= result.items())
        arms.append(Arm(first.model, parse(name), best.portion, 1, first.budget, seed))
    return arms
