"""tune: settings of params.yaml compared on the validation split -> results/tuning/<name>.csv.

Every finished run is kept in results/tuning/runs under a hash of all that it depends on, including
the code. So an interrupted tuning resumes, and a run that two tunings share is executed once.
"""

import hashlib
import itertools
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import click
import pandas as pd
import yaml

from augment import files, params, paths
from augment.arms import Arm
from augment.files import whole
from augment.prepared import index
from augment.reid_training.arm import Sets, Settings, code_of, fit, load_sets, load_settings, score

BASE = "params.yaml"
COLUMNS = ["setting", "model", "augmentation", "portion", "ratio", "budget", "seed", "mAP", "rank1"]


def run(
    arms: Sequence[Arm], switches: Mapping[str, Sequence[Any]], grid: bool, name: str, dry_run: bool
) -> None:
    """Train every arm with every setting, and write and print the scores.

    Args:
        switches: dotted key -> values to try.
        grid: try all combinations instead of one switch at a time.
        name: name of the table.
    """
    settings = all_settings(switches, grid)
    # Everything is loaded before anything is trained: a mistyped key costs no time.
    work = [
        (text, arm, load_settings(arm, True, overrides))
        for text, overrides in settings.items()
        for arm in arms
    ]
    sets = [load_sets(arm, used) for _, arm, used in work]
    out = paths.tuning(name)
    query = sets[0].query
    click.echo(
        f"tune: {len(settings)} settings, {len(arms)} arms each, scored on {query['pid'].nunique():,} held-out training "
        f"identities ({len(query):,} queries) -> {out}"
    )
    if dry_run:
        for text in settings:
            click.echo(text)
        return
    rows: list[list[Any]] = []
    for number, (text, arm, used) in enumerate(work):
        result = _result(arm, used, sets[number], name)
        click.echo(
            f"[{number + 1}/{len(work)}] {text}: {arm}: mAP {result['mAP']:.4f}, rank-1 {result['rank1']:.4f}"
        )
        rows.append([text, *arm.as_dict().values(), result["mAP"], result["rank1"]])
        table = pd.DataFrame(rows, columns=COLUMNS)
        with whole(out) as temporary:
            table.to_csv(temporary, index=False, float_format="%.6g")
    click.echo(
        _summary(table).to_string(index=False, float_format=lambda value: f"{value:.4f}", na_rep="")
    )
    means = table.groupby("setting")["mAP"].mean()
    click.echo(
        f"best: {means.idxmax()} (mAP {means.max():.4f}, {BASE} {means[BASE]:.4f}, means over all arms)"
    )


def parse_switches(texts: Sequence[str]) -> dict[str, list[Any]]:
    """Parse texts of the form KEY=V1,V2,... as key -> values, read as YAML.

    Raises:
        ValueError: If a text has another form, or a key occurs twice.
    """
    switches: dict[str, list[Any]] = {}
    for text in texts:
        key, equals, after = text.partition("=")
        try:
            values = yaml.safe_load(f"[{after}]") if equals and key else []
        except yaml.YAMLError as error:
            raise ValueError(f"--set {text}: not YAML ({error})") from error
        if not values:
            raise ValueError(
                f"--set {text}: expected KEY=VALUE,VALUE,..., e.g. generated.share=null,0.5"
            )
        if key in switches:
            raise ValueError(f"--set {key} occurs twice: list all its values in one --set")
        switches[key] = values
    return switches


def all_settings(switches: Mapping[str, Sequence[Any]], grid: bool) -> dict[str, dict[str, Any]]:
    """Text of a setting -> its overrides.

    The unchanged params.yaml comes first, then one switch at a time, or all combinations.
    """
    pairs = [[(key, value) for value in values] for key, values in switches.items()]
    combined = itertools.product(*pairs) if grid else ((pair,) for pair in itertools.chain(*pairs))
    settings: dict[str, dict[str, Any]] = {BASE: {}}
    for overrides in (dict(combination) for combination in combined if combination):
        settings[" ".join(f"{key}={_text(value)}" for key, value in overrides.items())] = overrides
    return settings


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _result(arm: Arm, used: Settings, sets: Sets, name: str) -> dict[str, Any]:
    """Scores of one run, which is trained unless its result exists."""
    key = hashlib.sha256(
        json.dumps(_made_of(arm, used, sets), sort_keys=True).encode()
    ).hexdigest()[:16]
    kept = paths.tuning_run(key)
    if kept.is_file():
        return files.read_json(kept)
    folder = paths.tuning_model(name, key)  # one per tuning: two may train the same run at a time
    trained = fit(arm, used, sets, folder, None)
    result = arm.as_dict() | score(trained, used, sets, None)
    files.write_json(kept, result)
    shutil.rmtree(folder)
    return result


def _made_of(arm: Arm, used: Settings, sets: Sets) -> dict[str, Any]:
    """All that a run depends on, as plain values."""
    plan = paths.generated(arm.augmentation, arm.portion, arm.ratio) / "plan.json"
    return {
        "code": code_of(used),
        "arm": arm.as_dict(),
        "settings": asdict(used) | ({} if sets.generated else {"generated": None}),
        "dataset": params.raw("dataset"),
        "puppet": params.raw("generators.puppet") if used.online else None,
        "images": files.read_json(plan) if sets.generated else None,
        "rows": [
            index.locate(rows)["path"].tolist() for rows in (sets.train, sets.query, sets.gallery)
        ],
    }


def _summary(table: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds, the best first within each arm."""
    arm = ["model", "augmentation", "portion", "ratio", "budget"]
    measured = {
        "seeds": ("seed", "size"),
        "mAP": ("mAP", "mean"),
        "spread": ("mAP", "std"),
        "rank1": ("rank1", "mean"),
    }
    means = table.groupby([*arm, "setting"], sort=False).agg(**measured).reset_index()
    return means.sort_values([*arm, "mAP"], ascending=[True] * len(arm) + [False])
