"""Kill a sweep at random moments and compare what it ends with.

A small project is swept twice: once in peace, and once with SIGKILL sent to a random stage's process or
to the sweep itself, which is then started again. Both must end with the same scores, and DVC must
find nothing to do.

    python benchmarks/kill_sweeps.py --kills 20 --seed 0
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import mkdtemp

import click
import psutil
import yaml

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/helpers"), str(ROOT / "tests/augment")]
SCORES = ("rank1", "rank5", "rank10", "mAP", "mAP_trapezoid")
WORKER, HEAD = "a stage", "the sweep"


@click.command()
@click.option("--kills", default=20, show_default=True, help="Number of kills.")
@click.option("--seed", default=0, show_default=True, help="Random seed of the kills.")
@click.option("--jobs", default=2, show_default=True, help="Stages at once.")
@click.option(
    "--longest",
    default=20.0,
    show_default=True,
    help="Seconds from a start or kill to the next kill, at most.",
)
def main(kills: int, seed: int, jobs: int, longest: float) -> None:
    """Sweep a small project with KILLS kills and without, and compare the results."""
    rng, counts = random.Random(seed), {WORKER: 0, HEAD: 0}
    calm, wild = (project(Path(mkdtemp(prefix=f"{name}-"))) for name in ("calm", "wild"))
    started = time.monotonic()
    assert sweep(calm, jobs).wait() == 0
    click.echo(f"in peace: {time.monotonic() - started:.0f} s")
    head, started, rounds, killed = sweep(wild, jobs), time.monotonic(), 0, False
    while sum(counts.values()) < kills or head.wait() != 0:
        # After the last kill, wait for the end.
        time.sleep(rng.uniform(0.5, longest) if sum(counts.values()) < kills else 1.0)
        if head.poll() is None:
            counts[kill(head, rng)] += 1
            killed = True
        elif head.returncode == 0:
            rounds += 1
            forget(wild)
        else:  # a stage fails that was killed twice, and no other
            assert killed, f"a sweep failed by itself, see {wild}/sweep.log"
            killed = False
        if head.poll() is not None:
            head = sweep(wild, jobs)
    click.echo(f"with kills: {time.monotonic() - started:.0f} s, from scratch {rounds} times")
    left = [process for process in psutil.process_iter() if str(wild) in _folder(process)]
    status = subprocess.run(["dvc", "status"], cwd=wild, capture_output=True, text=True).stdout
    differences = [name for name, score in scores(calm).items() if scores(wild).get(name) != score]
    click.echo(
        f"kills: {counts[WORKER]} of {WORKER}, {counts[HEAD]} of {HEAD}; results: {len(scores(calm))}, "
        f"different: {len(differences)}; processes left: {len(left)}; dvc status: {status.strip()}"
    )
    if differences or left or "up to date" not in status:
        raise SystemExit(f"{differences}; see {calm} and {wild}")
    shutil.rmtree(calm)
    shutil.rmtree(wild)


def project(folder: Path) -> Path:
    """A project with small params, DVC, and a copy of the code."""
    from conftest import small_params  # of tests/augment

    for name in ("dvc.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, folder)
    for name in ("augment", "generators", "reid"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "params.yaml").write_text(yaml.safe_dump(small_params()))
    subprocess.run(["dvc", "init", "--no-scm", "--quiet"], cwd=folder, check=True)
    return folder


def sweep(folder: Path, jobs: int) -> subprocess.Popen:
    log = (folder / "sweep.log").open("a")
    command = [sys.executable, "-m", "augment", "sweep", "--jobs", str(jobs)]
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)


def kill(head: subprocess.Popen, rng: random.Random) -> str:
    """SIGKILL a random stage or the sweep. Returns which."""
    stages = psutil.Process(head.pid).children(recursive=True)
    victim = rng.choice([WORKER, HEAD]) if stages else HEAD
    try:
        if victim == WORKER:
            rng.choice(stages).send_signal(signal.SIGKILL)
        else:
            head.kill()
            head.wait()
    except psutil.NoSuchProcess:
        pass
    return victim


def forget(folder: Path) -> None:
    """Remove all that a sweep has made."""
    for name in ("data", "models", "results", "reports", "dvc.lock", ".dvc/cache", ".dvc/tmp"):
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def scores(folder: Path) -> dict[str, list[float]]:
    """Result file -> its scores."""
    files = sorted((folder / "results/reid").rglob("*.json"))
    return {
        str(file.relative_to(folder)): [json.loads(file.read_text())[key] for key in SCORES]
        for file in files
    }


def _folder(process: psutil.Process) -> str:
    try:
        return process.cwd()
    except psutil.Error:
        return ""


if __name__ == "__main__":
    main()
