"""Sweeps of small pipelines under real DVC."""

import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import yaml
from dvc.repo import Repo

from augment.sweep.runner import local, sweep
from augment.sweep.runner.pipeline import BACKUP, Pipeline
from augment.sweep.runner.scheduler import log_file

ROOT = Path(__file__).parents[4]
# Within DVC.
pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value:DeprecationWarning")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Write a dvc.yaml from stages -> the folder, with DVC and without git."""

    def write(**stages):
        (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
        return tmp_path

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    Repo.init(tmp_path, no_scm=True)
    return write


def stage(cmd, deps=(), outs=()):
    return {"cmd": cmd, "deps": list(deps), "outs": list(outs)}


def run(jobs=2, targets=()):
    slots = [{"SLOT": str(number)} for number in range(jobs)]
    return sweep.run(Pipeline(targets), ThreadPoolExecutor(jobs), slots, shared=True)


DIAMOND = {
    "first": stage("echo 1 > a", outs=["a"]),
    "left": stage("cat a > b; echo rank-1 0.5", ["a"], ["b"]),
    "right": stage("cat a a > c", ["a"], ["c"]),
    "last": stage("cat b c > d", ["b", "c"], ["d"]),
}


def test_a_sweep_runs_all_stages_and_dvc_finds_them_up_to_date(project, capfd):
    folder = project(**DIAMOND)
    assert run()
    assert (folder / "d").read_text() == "1\n1\n1\n"
    printed = capfd.readouterr().out
    assert re.search(r"\[\d/4\] left: 0:00 rank-1 0.5", printed)
    assert "sweep: 4 stages run in 0:0" in printed
    assert Repo(folder).status() == {}
    assert Repo(folder).reproduce() == []
    assert run()
    assert "0 stages run in 0:00, 4 unchanged" in capfd.readouterr().out


def test_only_what_changed_runs(project, capfd):
    folder = project(**DIAMOND)
    run()
    capfd.readouterr()
    project(**{**DIAMOND, "right": stage("cat a a > c; true", ["a"], ["c"])})
    assert run()
    # The output of `right` is the same as before, so `last` has nothing to do.
    assert "1 stages run in 0:00, 3 unchanged" in capfd.readouterr().out
    assert Repo(folder).status() == {}


def test_work_of_dvc_repro_is_up_to_date_and_old_work_comes_from_the_run_cache(project, capfd):
    folder = project(**DIAMOND)
    Repo(folder).reproduce()
    assert run()
    assert "0 stages run in 0:00, 4 unchanged" in capfd.readouterr().out
    (folder / "d").unlink()
    (folder / "dvc.lock").unlink()
    assert run()
    # `first` has no dependencies, so that the run cache cannot know it.
    assert "1 stages run in 0:00, 3 from the run cache" in capfd.readouterr().out
    assert (folder / "d").read_text() == "1\n1\n1\n"


def test_targets_bring_along_what_they_depend_on(project):
    folder = project(**DIAMOND)
    assert run(targets=["right"])
    assert (folder / "c").exists() and not (folder / "b").exists()
    with pytest.raises(ValueError, match="DVC: Stage 'middle' not found inside 'dvc.yaml'"):
        run(targets=["middle"])


def test_a_failed_stage_stops_what_depends_on_it_and_nothing_else(project, capfd):
    failing = {**DIAMOND, "left": stage("echo no space; exit 3", ["a"], ["b"])}
    folder = project(**failing)
    assert not run()
    assert (folder / "c").exists() and not (folder / "d").exists()
    printed = capfd.readouterr()
    assert "left: exit status 3; its output is in logs/left.log" in printed.err
    assert "sweep: 2 stages run" in printed.out and "1 skipped" in printed.out
    assert (folder / "logs/left.log").read_text() == "no space\n"


def test_a_stage_without_its_output_fails(project, capfd):
    project(only=stage("true", outs=["never"]))
    assert not run()
    assert "only: DVC: output 'never' does not exist" in capfd.readouterr().err


def test_stages_run_at_once_each_in_a_slot_of_its_own(project):
    """Two stages that wait for each other end only if they run at once."""
    wait = "i=0; until [ -e {0} ]; do sleep 0.05; i=$((i+1)); [ $i -lt 200 ] || exit 1; done"
    one = f"touch one.here; {wait.format('two.here')}; echo $SLOT $DVC_STAGE > one"
    two = f"touch two.here; {wait.format('one.here')}; echo $SLOT $DVC_STAGE > two"
    folder = project(one=stage(one, outs=["one"]), two=stage(two, outs=["two"]))
    assert run()
    lines = {(folder / name).read_text().strip() for name in ("one", "two")}
    assert {line.split()[0] for line in lines} == {"0", "1"}
    assert {line.split()[1] for line in lines} == {"one", "two"}


def test_long_chains_come_first(project):
    folder = project(
        alone=stage("echo alone >> order; touch x", outs=["x"]),
        chain=stage("echo chain >> order; touch y", outs=["y"]),
        end=stage("echo end >> order; touch z", ["y"], ["z"]),
    )
    run(jobs=1)
    assert (folder / "order").read_text().split()[0] == "chain"


def test_a_stage_whose_process_was_killed_is_run_once_again(project, capfd):
    once = "[ -e tried ] || { touch tried; kill -9 $$; }; touch done"
    folder = project(only=stage(once, outs=["done"]))
    assert run()
    assert "started again, its worker was killed" in capfd.readouterr().out
    project(only=stage("kill -9 $$", outs=["done"]))
    assert not run()
    assert "only: signal 9" in capfd.readouterr().err
    assert Repo(folder).status() != {}


SWEEP = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from augment.sweep.runner import local, sweep
from augment.sweep.runner.pipeline import Pipeline
slots = local.slots(2)
raise SystemExit(not sweep.run(Pipeline(), local.executor(2), slots, shared=False))
"""


def test_a_killed_sweep_leaves_no_process_and_resumes(project):
    """SIGKILL of the head: its stages die with it, and a second sweep does the rest."""
    work = "echo $$ > pid{0}; until [ -e go ]; do sleep 0.05; done; touch out{0}"
    folder = project(
        first=stage("touch start", outs=["start"]),
        one=stage(work.format(1), ["start"], ["out1"]),
        two=stage(work.format(2), ["start"], ["out2"]),
    )
    head = subprocess.Popen([sys.executable, "-c", SWEEP], cwd=folder)
    pids = [folder / "pid1", folder / "pid2"]
    _until(lambda: all(file.exists() and file.read_text().strip() for file in pids))
    head.kill()
    head.wait()
    _until(lambda: not any(_alive(int(file.read_text())) for file in pids))
    (folder / "go").touch()
    assert subprocess.run([sys.executable, "-c", SWEEP], cwd=folder).returncode == 0
    assert Repo(folder).status() == {}


def _until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def _alive(pid):
    try:
        os.kill(pid, signal.SIG_DFL)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]


def test_a_lock_file_that_was_cut_short_is_mended(project):
    folder = project(**DIAMOND)
    run()
    whole = (folder / "dvc.lock").read_text()
    (folder / "dvc.lock").write_text(whole[: len(whole) // 2])
    assert run()
    assert yaml.safe_load((folder / "dvc.lock").read_text()) == yaml.safe_load(whole)
    assert (folder / BACKUP).is_file()


def test_a_read_write_lock_that_was_cut_short_is_removed(project):
    folder = project(**DIAMOND)
    (folder / ".dvc/tmp").mkdir(exist_ok=True)
    (folder / ".dvc/tmp/rwlock").write_text('{"read": {"a": [{"pi')
    assert run()


def test_workers_must_see_the_folder(project):
    folder = project(**DIAMOND)

    class Elsewhere(ThreadPoolExecutor):
        def submit(self, call, *arguments):
            return super().submit(lambda: "")

    with pytest.raises(ValueError, match=f"{folder}: a worker does not see this folder"):
        sweep.run(Pipeline(), Elsewhere(1), [{}], shared=True)


def test_dvc_errors_are_one_line(project):
    folder = project(**DIAMOND)
    (folder / "dvc.yaml").write_text("stages: [")
    with pytest.raises(ValueError, match="DVC: unable to read: 'dvc.yaml'"):
        Pipeline()


def test_cores_and_gpus_are_shared_out(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert [slot["OMP_NUM_THREADS"] for slot in local.slots(4)] == ["4"] * 4
    memory = SimpleNamespace(available=64 << 30)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    assert len(local.slots(None)) == 16
    memory.available = 7 << 30
    assert len(local.slots(None)) == 3
    memory.available = 1 << 30
    assert len(local.slots(None)) == 1
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    assert [slot["CUDA_VISIBLE_DEVICES"] for slot in local.slots(None)] == ["2", "5"]
    assert len(local.slots(1)) == 1
    with pytest.raises(ValueError, match="--jobs 3: this machine has 2 GPUs"):
        local.slots(3)


def test_log_files_are_named_after_stages():
    assert log_file("generate@patn-0.3") == Path("logs/generate@patn-0.3.log")
