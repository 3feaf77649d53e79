"""Sweep stages that only sleep: what the scheduler itself costs.

python benchmarks/sweep_slots.py                   64 stages of 20 s on 8 slots: 160 s at best
python benchmarks/sweep_slots.py --nodes 2         the same on a Ray cluster of two nodes on this machine
"""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import yaml
from dvc.repo import Repo

sys.path.insert(0, str(Path(__file__).parents[1]))
from augment.sweep.runner import local, sweep
from augment.sweep.runner.pipeline import Pipeline


@click.command()
@click.option("--stages", default=64, show_default=True)
@click.option("--seconds", default=20.0, show_default=True, help="Seconds that each stage sleeps.")
@click.option("--slots", default=8, show_default=True, help="Stages at once.")
@click.option("--nodes", default=0, show_default=True, help="Nodes of a Ray cluster; 0: no Ray.")
def main(stages: int, seconds: float, slots: int, nodes: int) -> None:
    """Compare the time of a sweep with that of its stages one after the other."""
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        Repo.init(folder, no_scm=True)
        work = {
            f"arm{number}": {
                "cmd": f"sleep {seconds}; echo > out{number}",
                "outs": [f"out{number}"],
            }
            for number in range(stages)
        }
        Path("dvc.yaml").write_text(yaml.safe_dump({"stages": work}))
        executor, environments = _workers(slots, nodes)
        started = time.perf_counter()
        assert sweep.run(Pipeline(), executor, environments, shared=nodes > 0)
        took = time.perf_counter() - started
    click.echo(f"{stages} stages of {seconds:g} s on {slots} slots: {took:.1f} s")
    click.echo(f"ratio to one after the other: {stages * seconds / took:.2f}")


def _workers(slots: int, nodes: int) -> tuple[Executor, Sequence[Mapping[str, str]]]:
    if not nodes:
        return local.executor(slots), [{}] * slots
    from ray.cluster_utils import Cluster

    from augment.sweep.runner.ray_cluster import RayExecutor

    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": slots // nodes, "include_dashboard": False},
    )
    for _ in range(nodes - 1):
        cluster.add_node(num_cpus=slots // nodes)
    return RayExecutor(cluster.address, cpus=1, gpus=0), [{}] * 1000


if __name__ == "__main__":
    main()
