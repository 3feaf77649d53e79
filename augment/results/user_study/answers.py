"""The files that the page saves: a rater's answers, validated against the key of the study."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from augment import files
from augment.results.user_study.study import GENERATED, REAL, REAL_OR_GENERATED


@dataclass(frozen=True)
class Answer:
    """A rater's answer to one trial.

    answer: REAL or GENERATED; in form `ab`, the place of the preferred image, from 0
    reaction_ms: time from the image's disappearance (form `ab`: its appearance) to the answer
    shown_ms, seen: how long and how often the image was visible (once, unless the page was
        reloaded); None in form `ab`
    """

    answer: str | int
    reaction_ms: float
    shown_ms: float | None
    seen: int | None


@dataclass(frozen=True)
class Rater:
    """The content of a file of answers.

    answers: id of a trial -> Answer, for every trial
    """

    name: str
    file: Path
    answers: dict[str, Answer]


def read_all(answer_files: Sequence[Path], key: Mapping[str, Any], key_file: Path) -> list[Rater]:
    """The raters of all files.

    Raises:
        ValueError: If a file cannot be scored, or two are by one rater; the message names them.
    """
    raters: dict[str, Rater] = {}
    for file in answer_files:
        rater = read(file, key, key_file)
        name = " ".join(rater.name.split()).casefold()
        if name in raters:
            raise ValueError(
                f"{file}: rater {rater.name!r} has answered in {raters[name].file} already; pass only one of the two"
            )
        raters[name] = rater
    return list(raters.values())


def read(file: Path, key: Mapping[str, Any], key_file: Path) -> Rater:
    """One rater's answers.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If it is not JSON or belongs to another study, or an answer is missing, repeated
            or invalid; the message says which.
    """
    if not file.is_file():
        raise FileNotFoundError(f"{file}: file of answers not found")
    saved = files.read_json(file)
    for name, kind in (("study", str), ("rater", str), ("trials", list)):
        if not isinstance(saved, dict) or not isinstance(saved.get(name), kind):
            raise ValueError(
                f"{file}: no key {name!r} of a {kind.__name__}; is it a file that the page of a study saved?"
            )
    if saved["study"] != key["study"]:
        raise ValueError(
            f"{file}: study: answers of study {saved['study']}, but {key_file} is the key of {key['study']}"
        )
    if not saved["rater"].strip():
        raise ValueError(f"{file}: rater: is empty")
    known = {trial["id"]: trial for trial in key["trials"]}
    answers: dict[str, Answer] = {}
    for number, row in enumerate(saved["trials"]):
        where = f"{file}: trials[{number}]"
        if not isinstance(row, dict) or row.get("id") not in known:
            raise ValueError(
                f"{where}: id: not a trial of {key_file}: {row.get('id') if isinstance(row, dict) else row!r}"
            )
        if row["id"] in answers:
            raise ValueError(f"{where}: id: trial {row['id']} has an answer already")
        answers[row["id"]] = _answer(row, key["form"], len(known[row["id"]]["shown"]), where)
    if missing := [trial for trial in known if trial not in answers]:
        shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise ValueError(
            f"{file}: trials: {len(missing)} of {len(known)} have no answer ({shown}); have the rater finish"
        )
    return Rater(saved["rater"].strip(), file, answers)


def _answer(row: Mapping[str, Any], form: str, pictures: int, where: str) -> Answer:
    judged = form == REAL_OR_GENERATED
    allowed = (REAL, GENERATED) if judged else tuple(range(pictures))
    if row.get("answer") not in allowed or type(row["answer"]) is not type(allowed[0]):
        raise ValueError(
            f"{where}: answer: {row.get('answer')!r} is not one of {', '.join(map(str, allowed))}"
        )
    for name in ("reaction_ms", "shown_ms", "seen")[: 3 if judged else 1]:
        if type(row.get(name)) not in (int, float) or not 0 <= row[name] < float("inf"):
            raise ValueError(f"{where}: {name}: {row.get(name)!r} is not a number of at least 0")
    return Answer(row["answer"], row["reaction_ms"], row.get("shown_ms"), row.get("seen"))
