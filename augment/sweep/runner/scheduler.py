"""Runs the stages of a pipeline on the slots of an executor, each once its upstream is done."""

import heapq
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field
from pathlib import Path

from augment.sweep.runner import worker
from augment.sweep.runner.pipeline import Pipeline, State
from augment.sweep.runner.worker import Task

LOGS = Path("logs")
ATTEMPTS = 2  # a stage whose worker was killed is run again
REFRESH_S = 0.5


@dataclass
class Stage:
    """A stage as the display shows it.

    state: waiting, running, done, failed or skipped
    slot: number of the slot that it runs or ran in
    started, ended: of its last attempt, in seconds of time.monotonic()
    note: why it was done without running, or why it failed
    """

    name: str
    log: Path
    state: str = "waiting"
    slot: int | None = None
    started: float | None = None
    ended: float | None = None
    attempts: int = 0
    note: str = ""

    @property
    def seconds(self) -> float:
        """How long it ran, or has been running."""
        if self.started is None:
            return 0.0
        return (time.monotonic() if self.ended is None else self.ended) - self.started


@dataclass
class Scheduler:
    """One sweep.

    Args:
        pipeline: The stages.
        executor: Where commands run: `worker.run` is submitted with a Task.
        slots: Environment variables of each slot; as many stages run at once.
        show: Called with all stages whenever one of them changes, and twice a second.
    """

    pipeline: Pipeline
    executor: Executor
    slots: Sequence[Mapping[str, str]]
    show: Callable[[Sequence[Stage]], None]
    stages: dict[str, Stage] = field(init=False)

    def __post_init__(self):
        self.stages = {name: Stage(name, log_file(name)) for name in self.pipeline.names}
        self._upstream = {name: set(above) for name, above in self.pipeline.upstream.items()}
        self._downstream: dict[str, set[str]] = {name: set() for name in self.stages}
        for name, above in self._upstream.items():
            for one in above:
                self._downstream[one].add(name)
        # Long chains first: what many others wait for in turn.
        height: dict[str, int] = {}
        for name in reversed(self.pipeline.names):
            height[name] = 1 + max((height[one] for one in self._downstream[name]), default=0)
        self._rank = {name: (-height[name], place) for place, name in enumerate(self.stages)}
        self._ready = [(self._rank[name], name) for name in self.stages if not self._upstream[name]]
        heapq.heapify(self._ready)
        self._free = list(range(len(self.slots)))
        self._running: dict[Future[int], Stage] = {}

    def run(self) -> list[Stage]:
        """Bring all stages up to date. Returns those that failed."""
        while self._ready or self._running:
            while self._ready and self._free:
                self._begin(self.stages[heapq.heappop(self._ready)[1]])
            self.show(list(self.stages.values()))
            ended, _ = (
                wait(self._running, REFRESH_S, FIRST_COMPLETED) if self._running else ((), ())
            )
            for future in ended:
                self._end(future, self._running.pop(future))
        self.show(list(self.stages.values()))
        return [stage for stage in self.stages.values() if stage.state == "failed"]

    def _begin(self, stage: Stage) -> None:
        try:
            found = self.pipeline.begin(stage.name)
        except ValueError as error:
            return self._fail(stage, str(error))
        if found is State.STALE:
            return self._submit(stage)
        stage.note = found.value
        self._finish(stage)

    def _submit(self, stage: Stage) -> None:
        stage.slot = self._free.pop(0)
        stage.state, stage.started, stage.ended = "running", time.monotonic(), None
        stage.attempts += 1
        task = Task(
            stage.name,
            self.pipeline.commands(stage.name),
            self.pipeline.folder,
            stage.log,
            {**self.slots[stage.slot], **self.pipeline.environment(stage.name)},
        )
        self._running[self.executor.submit(worker.run, task)] = stage

    def _end(self, future: Future[int], stage: Stage) -> None:
        assert stage.slot is not None
        stage.ended = time.monotonic()
        self._free.append(stage.slot)
        self._free.sort()
        error = future.exception()
        killed = error is not None or future.result() < 0
        if killed and stage.attempts < ATTEMPTS:
            return self._submit(stage)
        try:
            if error is not None:
                raise ValueError(f"its worker was lost: {error}")
            if status := future.result():
                raise ValueError(f"signal {-status}" if status < 0 else f"exit status {status}")
            self.pipeline.commit(stage.name)
        except ValueError as error:
            self.pipeline.release(stage.name)
            return self._fail(stage, str(error))
        self._finish(stage)

    def _finish(self, stage: Stage) -> None:
        stage.state = "done"
        for name in self._downstream[stage.name]:
            self._upstream[name].discard(stage.name)
            if not self._upstream[name] and self.stages[name].state == "waiting":
                heapq.heappush(self._ready, (self._rank[name], name))

    def _fail(self, stage: Stage, why: str) -> None:
        stage.state, stage.note = "failed", why
        below = list(self._downstream[stage.name])
        while below:
            name = below.pop()
            self.stages[name].state = "skipped"
            below += self._downstream[name]


def log_file(name: str) -> Path:
    """Where a stage's output goes, relative to the project's folder."""
    return LOGS / f"{name.replace('/', '-').replace(':', '-')}.log"
