"""The command that runs the whole pipeline at full width: sweep."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path

import click

from augment.commands.options import dry_run, examples

MANY = 1000  # slots on a cluster, which queues what it cannot run yet


@click.command(
    short_help="Bring all stages up to date, many at once.",
    epilog=examples(
        "augment sweep                             as many stages at once as there are GPUs, or cores",
        "augment sweep --jobs 4 report             only what the report needs",
        "augment sweep generate train_reid@iterations-inception-none-0.1-0",
        "augment sweep --dry-run                   list what is out of date",
        "augment sweep --on ray --address auto --gpus 1",
        "augment sweep --on slurm --partition gpu --time-limit 240 --gpus 1",
    ),
)
@click.argument("targets", nargs=-1)
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1),
    help="Number of stages at once.  [default: one per GPU, or per core; on a cluster, no limit]",
)
@click.option(
    "--on",
    "where",
    type=click.Choice(["local", "ray", "slurm"]),
    default="local",
    show_default=True,
    help="Where stages run. All machines of a cluster must see the project's folder.",
)
@click.option(
    "--address",
    default="auto",
    show_default=True,
    help="Ray: head node; auto is the cluster of this machine.",
)
@click.option("--partition", help="SLURM: partition.")
@click.option(
    "--time-limit",
    type=click.IntRange(1),
    default=240,
    show_default=True,
    metavar="MINUTES",
    help="SLURM: time limit of a stage. A stage that reaches it resumes in the next sweep.",
)
@click.option(
    "--cpus", type=click.IntRange(1), default=1, show_default=True, help="Cluster: cores per stage."
)
@click.option(
    "--gpus", type=click.IntRange(0), default=0, show_default=True, help="Cluster: GPUs per stage."
)
@dry_run
def sweep(
    targets: tuple[str, ...],
    jobs: int | None,
    where: str,
    address: str,
    partition: str | None,
    time_limit: int,
    cpus: int,
    gpus: int,
    dry_run: bool,
) -> None:
    """Run the stages of dvc.yaml that `dvc repro` would run, as many at once as there are slots.

    TARGETS are stages or cells, with all that they depend on; without TARGETS, all stages. First,
    `augment plan` derives the cells from params.yaml. A sweep can be killed at any moment: run
    again, it resumes, as does `dvc repro`. The output of each stage goes to logs/.

    A stage that fails stops the stages that depend on it, and no others. The exit status is 1 if
    any has failed.
    """
    from augment.stages import plan
    from augment.sweep.runner import sweep
    from augment.sweep.runner.pipeline import Pipeline

    plan.write(dry_run)
    pipeline = Pipeline(targets)
    if dry_run:
        return sweep.show(pipeline)
    executor, slots = _workers(
        where, jobs, pipeline.folder, address, partition, time_limit, cpus, gpus
    )
    if not sweep.run(pipeline, executor, slots, shared=where != "local"):
        raise SystemExit(1)


def _workers(
    where: str,
    jobs: int | None,
    folder: Path,
    address: str,
    partition: str | None,
    time_limit: int,
    cpus: int,
    gpus: int,
) -> tuple[Executor, Sequence[Mapping[str, str]]]:
    """An executor, and the environment variables of each of its slots."""
    threads = [{"OMP_NUM_THREADS": str(cpus)}] * (jobs or MANY)
    if where == "ray":
        from augment.sweep.runner.ray_cluster import RayExecutor

        return RayExecutor(address, cpus, gpus), threads
    if where == "slurm":
        from augment.sweep.runner.slurm import SlurmExecutor

        partitions = {} if partition is None else {"slurm_partition": partition}
        return SlurmExecutor(
            folder, timeout_min=time_limit, cpus_per_task=cpus, gpus_per_node=gpus, **partitions
        ), threads
    from augment.sweep.runner import local

    slots = local.slots(jobs)
    return local.executor(len(slots)), slots


COMMANDS: tuple[click.Command, ...] = (sweep,)
