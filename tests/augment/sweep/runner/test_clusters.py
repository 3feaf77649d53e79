"""Sweeps on a Ray cluster of two nodes on this machine, and through submitit's local jobs."""

import time

import pytest
import yaml
from dvc.repo import Repo

from augment.sweep.runner import sweep
from augment.sweep.runner.pipeline import Pipeline
from augment.sweep.runner.ray_cluster import RayExecutor
from augment.sweep.runner.slurm import SlurmExecutor

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own, and DVC's


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A project of eight independent stages and one that needs them all."""
    monkeypatch.chdir(tmp_path)
    Repo.init(tmp_path, no_scm=True)
    work = {f"work{n}": {"cmd": f"echo $DVC_STAGE > w{n}", "outs": [f"w{n}"]} for n in range(8)}
    names = [f"w{n}" for n in range(8)]
    last = {"cmd": "cat w? > all", "deps": names, "outs": ["all"]}
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": {**work, "last": last}}))
    return tmp_path


@pytest.fixture(scope="module")
def ray_cluster():
    """The address of two nodes, of one core each."""
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    cluster = cluster_utils.Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    cluster.add_node(num_cpus=1)
    yield cluster
    cluster.shutdown()


def test_ray_runs_a_sweep_on_two_nodes(folder, ray_cluster):
    executor = RayExecutor(ray_cluster.address, cpus=1, gpus=0)
    assert sweep.run(Pipeline(), executor, [{}] * 100, shared=True)
    assert (folder / "all").read_text().splitlines() == [f"work{n}" for n in range(8)]
    assert Repo(folder).status() == {}


def test_a_stage_of_a_lost_ray_node_runs_on_another(folder, ray_cluster, capfd):
    node = ray_cluster.add_node(num_cpus=1, resources={"extra": 1})
    stages = yaml.safe_load((folder / "dvc.yaml").read_text())["stages"]
    for number in range(8):
        stages[f"work{number}"]["cmd"] = f"sleep 2; echo $DVC_STAGE > w{number}"
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))

    class LosesNode(RayExecutor):
        calls = 0

        def submit(self, fn, /, *args, **kwargs):
            self.calls += 1
            if self.calls == 8:
                time.sleep(1)
                ray_cluster.remove_node(node, allow_graceful=False)
            return super().submit(fn, *args, **kwargs)

    executor = LosesNode(ray_cluster.address, cpus=1, gpus=0)
    assert sweep.run(Pipeline(), executor, [{}] * 100, shared=True)
    assert (folder / "all").read_text().splitlines() == [f"work{n}" for n in range(8)]


def test_an_address_without_a_cluster_is_refused():
    with pytest.raises(ValueError, match="--on ray --address 127.0.0.1:1: "):
        RayExecutor("127.0.0.1:1", cpus=1, gpus=0)


def test_submitit_runs_a_sweep(folder):
    executor = SlurmExecutor(folder, "local", timeout_min=5)
    assert sweep.run(Pipeline(), executor, [{}] * 100, shared=True)
    assert (folder / "all").read_text().splitlines() == [f"work{n}" for n in range(8)]
    assert Repo(folder).status() == {}


def test_a_job_that_was_killed_is_submitted_again(folder, capfd):
    killing = "[ -e tried ] || { touch tried; kill -9 $PPID; }; echo work0 > w0"
    stages = yaml.safe_load((folder / "dvc.yaml").read_text())["stages"]
    stages["work0"]["cmd"] = killing
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    assert sweep.run(Pipeline(), SlurmExecutor(folder, "local", timeout_min=5), [{}] * 8, True)
    assert "work0: started again, its worker was killed" in capfd.readouterr().out


def test_without_slurm_the_error_says_so(folder, monkeypatch):
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(ValueError, match="--on slurm: "):
        SlurmExecutor(folder, "slurm")
