"""One sweep: what is checked before it, and what is said after it."""

import secrets
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path

import click
from rich.console import Console

from augment.sweep.runner import worker
from augment.sweep.runner.display import clock, display
from augment.sweep.runner.pipeline import Pipeline, State
from augment.sweep.runner.scheduler import Scheduler, Stage


def run(
    pipeline: Pipeline, executor: Executor, slots: Sequence[Mapping[str, str]], shared: bool
) -> bool:
    """Run a sweep and print what came of it. Returns whether all stages are up to date.

    Args:
        pipeline: The stages.
        executor: Where their commands run.
        slots: Environment variables of each slot.
        shared: Whether workers may be on other machines, so that the folder has to be shared.

    Raises:
        ValueError: If a worker does not see the project's folder.
    """
    folder, console, started = pipeline.folder, Console(), time.monotonic()
    try:
        if shared:
            check_folder(executor, folder)
        with display(folder, console) as show:
            scheduler = Scheduler(pipeline, executor, slots, show)
            failed = scheduler.run()
    finally:
        executor.shutdown(cancel_futures=True)
    _summarise(list(scheduler.stages.values()), time.monotonic() - started)
    for stage in failed:
        click.secho(f"{stage.name}: {stage.note}; its output is in {stage.log}", fg="red", err=True)
    return not failed


def show(pipeline: Pipeline) -> None:
    """Print which stages are out of date, and how many more follow from them."""
    stale = pipeline.out_of_date()
    for name in stale:
        click.echo(name)
    click.echo(
        f"{len(stale)} of {len(pipeline.names)} stages are out of date; stages that depend on them "
        "run if their results change"
    )


def check_folder(executor: Executor, folder: Path) -> None:
    """Have a worker read a file that was just written to the project's folder.

    Raises:
        ValueError: If it does not find it.
    """
    token = secrets.token_hex(8)
    worker.mark(folder, token)
    if executor.submit(worker.marker, folder).result() != token:
        raise ValueError(
            f"{folder}: a worker does not see this folder; all machines of a cluster need it under "
            "the same path, on a shared file system"
        )


def _summarise(stages: Sequence[Stage], seconds: float) -> None:
    ran = [stage for stage in stages if stage.state == "done" and stage.attempts]
    notes = Counter(stage.note for stage in stages if stage.state == "done" and stage.note)
    skipped = sum(stage.state == "skipped" for stage in stages)
    parts = [f"{len(ran)} stages run in {clock(seconds)}"]
    parts += [f"{notes[state.value]} {state.value}" for state in State if notes[state.value]]
    if skipped:
        parts.append(f"{skipped} skipped")
    click.echo(f"sweep: {', '.join(parts)}")
    if ran:
        work = sum(stage.seconds for stage in ran)
        click.echo(f"sweep: {clock(work)} of work, {work / seconds:.1f} stages at once")
