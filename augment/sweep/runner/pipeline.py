"""dvc.yaml through DVC's own API: the graph, what is out of date, and commits to dvc.lock.

The only module that imports DVC. `begin` and `commit` do what `dvc repro` does before and after a
stage's command, so that it finds the work of a sweep up to date, and the other way round.
"""

import json
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, suppress
from enum import Enum
from io import StringIO
from pathlib import Path

from dvc.dvcfile import LOCK_FILE, PROJECT_FILE
from dvc.env import DVC_ROOT, DVC_STAGE
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.repo.reproduce import collect_stages, get_active_graph, plan_repro
from dvc.rwlock import rwlock
from dvc.stage import Stage
from dvc.stage.cache import RunCacheNotFoundError
from dvc.utils.serialize import YAMLFileCorruptedError, load_yaml

BACKUP = Path(".dvc/tmp/sweep") / LOCK_FILE
LOCKS = Path(".dvc/tmp/rwlock")


class State(Enum):
    """What `begin` finds."""

    UNCHANGED = "unchanged"
    RESTORED = "from the run cache"
    STALE = "out of date"


class Pipeline:
    """The stages that `dvc repro TARGETS` would bring up to date.

    Args:
        targets: Stages, cells such as `generate@puppet-0.3`, or groups of cells; all if empty.
        folder: The project's folder.

    Raises:
        ValueError: DVC cannot read the project, or a target is unknown.
    """

    def __init__(self, targets: Sequence[str] = (), folder: Path = Path()):
        logging.getLogger("dvc").setLevel(logging.ERROR)  # the display says what happens
        _mend(folder)
        with _errors():
            self._repo = Repo(str(folder))
            with self._locked():
                graph = get_active_graph(self._repo.index.graph)
                stages = collect_stages(self._repo, targets or [PROJECT_FILE])
                ordered = plan_repro(graph, stages)
        self.folder = Path(self._repo.root_dir)
        self._stages: dict[str, Stage] = {stage.addressing: stage for stage in ordered}
        self.upstream: dict[str, set[str]] = {
            stage.addressing: {one.addressing for one in graph.successors(stage)}
            for stage in ordered
        }
        self._held: dict[str, ExitStack] = {}

    @property
    def names(self) -> list[str]:
        """Names of the stages, each after those that it depends on."""
        return list(self._stages)

    def out_of_date(self) -> list[str]:
        """Names of the stages whose dependencies, parameters, command or outputs have changed."""
        with _errors(), self._locked():
            return [name for name, stage in self._stages.items() if stage.changed()]

    def commands(self, name: str) -> tuple[str, ...]:
        command = self._stages[name].cmd or ""
        return tuple(command if isinstance(command, list) else command.splitlines())

    def environment(self, name: str) -> dict[str, str]:
        """What DVC sets for a stage's command; the root of an experiment is the project's."""
        return {DVC_ROOT: os.environ.get(DVC_ROOT, self._repo.root_dir), DVC_STAGE: name}

    def begin(self, name: str) -> State:
        """Prepare a stage whose upstream stages are up to date.

        After State.STALE its command is to be run, and then `commit` or `release` called; its
        outputs that do not persist are gone, and no other DVC process can touch its files.
        """
        stage = self._stages[name]
        with _errors(), self._locked():
            if not stage.changed():
                return State.UNCHANGED
            stage.remove_outs(ignore_remove=False, force=False)
            try:
                self._repo.stage_cache.restore(stage)
            except RunCacheNotFoundError:
                stage.save_deps()
                self._hold(stage)
                return State.STALE
            self._save(stage)
            return State.RESTORED

    def commit(self, name: str) -> None:
        """Record a stage whose command has succeeded in dvc.lock and in the cache.

        Raises:
            ValueError: An output is missing, or cannot be cached.
        """
        with _errors(), self._locked():
            self.release(name)
            self._save(self._stages[name])

    def release(self, name: str) -> None:
        """Let others touch the files of a stage that `begin` has prepared."""
        self._held.pop(name, ExitStack()).close()

    def _save(self, stage: Stage) -> None:
        reports = [out for out in stage.outs if not (out.is_metric or out.is_plot)]
        stage.save(run_cache=all(out.use_cache for out in reports))
        stage.commit()
        stage.dump(update_pipeline=False)
        # DVC writes dvc.lock in place: a kill at this moment must not cost what it records.
        lock_file, backup = self.folder / LOCK_FILE, self.folder / BACKUP
        backup.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(lock_file, backup.with_suffix(".partial"))
        backup.with_suffix(".partial").replace(backup)

    def _hold(self, stage: Stage) -> None:
        self._held[stage.addressing] = held = ExitStack()
        held.enter_context(
            rwlock(
                self._repo.tmp_dir,
                self._repo.fs,
                f"augment sweep: {stage.addressing}",
                [dep.fs_path for dep in stage.deps],
                [out.fs_path for out in stage.outs],
                self._repo.config["core"].get("hardlink_lock", False),
            )
        )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # DVC's progress bars would cut into the display.
        with self._repo.lock, self._repo.scm_context(), redirect_stderr(StringIO()):
            yield


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except DvcException as error:
        raise ValueError(f"DVC: {error}") from error


def _mend(folder: Path) -> None:
    """Repair what a kill has cut short: DVC writes dvc.lock and its read-write lock in place."""
    lock_file, backup = folder / LOCK_FILE, folder / BACKUP
    if lock_file.exists() and backup.is_file() and not _is_whole(lock_file):
        shutil.copy(backup, lock_file)
    locks = folder / LOCKS
    with suppress(FileNotFoundError):
        try:
            json.loads(locks.read_text())
        except json.JSONDecodeError:
            locks.unlink()


def _is_whole(lock_file: Path) -> bool:
    try:
        return "stages" in load_yaml(lock_file)
    except YAMLFileCorruptedError:
        return False
