"""A sweep in the terminal: a live table, or a line per event where the output is not a terminal."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table

from augment.sweep.runner import progress
from augment.sweep.runner.pipeline import State
from augment.sweep.runner.scheduler import Stage

RECENT = 8  # finished stages that the table keeps in sight
BAR_WIDTH = 20
Show = Callable[[Sequence[Stage]], None]


@contextmanager
def display(folder: Path, console: Console) -> Iterator[Show]:
    """Yield what the scheduler calls with its stages. Logs lie below `folder`."""
    if not console.is_terminal:
        yield _Lines(folder, console)
        return
    with Live(console=console, refresh_per_second=2, transient=True) as live:
        yield lambda stages: live.update(_table(stages, folder))
    # The table of the last moment would be cut at the height of the terminal.


class _Lines:
    """Prints a line when a stage starts, ends or fails."""

    def __init__(self, folder: Path, console: Console):
        self._folder, self._console = folder, console
        self._shown: dict[str, tuple[str, int]] = {}

    def __call__(self, stages: Sequence[Stage]) -> None:
        done = sum(stage.state in ("done", "failed", "skipped") for stage in stages)
        for stage in stages:
            now = (stage.state, stage.attempts)
            if stage.state == "waiting" or self._shown.get(stage.name) == now:
                continue
            self._shown[stage.name] = now
            if stage.note != State.UNCHANGED.value:
                text = f"[{done}/{len(stages)}] {stage.name}: {_words(stage, self._folder)}"
                self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def _words(stage: Stage, folder: Path) -> str:
    """A stage's state in words, for a line."""
    if stage.state == "running":
        again = " again, its worker was killed" if stage.attempts > 1 else ""
        return f"started{again} (slot {stage.slot}, {stage.log})"
    if stage.state == "failed":
        return f"failed, {stage.note} (see {stage.log})"
    if stage.state == "skipped":
        return "skipped, a stage before it failed"
    return stage.note or f"{clock(stage.seconds)} {progress.last_line(folder / stage.log)}"


def _table(stages: Sequence[Stage], folder: Path) -> Table:
    counts = Counter(stage.state for stage in stages)
    table = Table(
        title=", ".join(f"{number} {state}" for state, number in sorted(counts.items())),
        title_justify="left",
        box=None,
        expand=True,
        pad_edge=False,
    )
    for name in ("stage", "slot", "progress", "time", "left"):
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    table.add_column("result", overflow="ellipsis", no_wrap=True, ratio=1)
    worked = [one for one in stages if one.ended is not None and one.state in ("done", "failed")]
    for stage in sorted(worked, key=lambda one: one.ended or 0)[-RECENT:]:
        failed = stage.state == "failed"
        result = stage.note if failed else progress.last_line(folder / stage.log)
        mark = "[red]failed[/]" if failed else "[green]done[/]"
        table.add_row(stage.name, str(stage.slot), mark, clock(stage.seconds), "", result)
    for stage in stages:
        if stage.state == "running":
            bar = progress.progress(folder / stage.log)
            table.add_row(
                f"[bold]{stage.name}[/]",
                str(stage.slot),
                "" if bar is None else _bar(bar.percent),
                clock(stage.seconds),
                "" if bar is None else bar.left,
                "" if bar is None else bar.what,
            )
    return table


def _bar(percent: int) -> str:
    full = BAR_WIDTH * percent // 100
    return f"[cyan]{'━' * full}[/][dim]{'━' * (BAR_WIDTH - full)}[/] {percent:3d}%"


def clock(seconds: float) -> str:
    """Minutes and seconds, such as 1:05, with hours where there are any."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
