import subprocess
import sys
import time

import pytest

COMMANDS = (
    "prepare",
    "reduce",
    "train-generator",
    "generate",
    "evaluate-generator",
    "train-reid",
    "tune",
    "user-study",
    "report",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples_and_a_dry_run(augment, command):
    result = augment(command, "--help")
    assert result.exit_code == 0
    assert (
        "Examples:" in result.output
        and f"augment {command}" in result.output
        and "--dry-run" in result.output
    )


def test_help_is_quick_and_loads_no_framework():
    code = (
        "import sys; from augment.cli import main; main(['--help'], standalone_mode=False);"
        "sys.exit(any(m in sys.modules for m in ('torch', 'mlflow', 'pandas', 'numpy')))"
    )
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert all(command in done.stdout for command in COMMANDS)
    assert (
        time.perf_counter() - started < 5
    )  # 0.1 s on an idle machine; this only catches a heavy import


def test_shown_defaults(augment):
    text = augment("generate", "--help").output
    text = " ".join(text.split())
    assert (
        "[default: patn if trained, otherwise puppet]" in text
        and "[default: paper; puppet: leak_free]" in text
    )


def test_errors_are_one_line_unless_debugging(tmp_path, monkeypatch, augment):
    monkeypatch.chdir(tmp_path)
    result = augment("prepare")
    assert result.exit_code == 1 and result.output.startswith(
        "Error: params.yaml: not found; run from the project's folder"
    )
    monkeypatch.setenv("AUGMENT_DEBUG", "1")
    assert isinstance(augment("prepare").exception, FileNotFoundError)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--portion", "0.3"), 0.3),
        (("--portion", "1.0"), None),
        ((), None),
    ],
)
def test_a_generator_of_portion_1_is_that_of_all_real_images(
    augment, monkeypatch, arguments, expected
):
    runs = []
    monkeypatch.setattr(
        "augment.stages.train_generator.run", lambda name, portion, _: runs.append((name, portion))
    )
    assert augment("train-generator", "--generator", "patn", *arguments).exit_code == 0
    assert runs == [("patn", expected)]


def test_a_re_id_arm_keeps_its_portion_1(augment, monkeypatch):
    arms = []
    monkeypatch.setattr("augment.export.reid_model.of_arm", lambda arm: arms.append(arm))
    monkeypatch.setattr("augment.export.embedding.run", lambda *_: None)
    flags = ("--folder", "crops", "--reid", "inception", "--output", "f.npy")
    assert augment("embed", *flags, "--portion", "1.0").exit_code == 0
    assert arms[0].portion == 1.0
