"""What a sweep shows in a terminal, from the logs of its stages."""

from pathlib import Path

import pytest
from rich.console import Console

from augment.sweep.runner.display import _table, clock, display
from augment.sweep.runner.progress import Progress, last_line, progress
from augment.sweep.runner.scheduler import Stage

BAR = "train re-ID:  11%|█         | 5.89k/51.2k [00:10<01:22, 552image/s, loss=4.1]"


@pytest.fixture
def log(tmp_path):
    def write(text):
        file = tmp_path / "stage.log"
        file.write_text(text)
        return file

    return write


def test_progress_is_that_of_the_last_bar(log):
    file = log(f"train-reid: inception on 720 images\n{BAR}\r{BAR.replace('11%', ' 57%')}\r")
    assert progress(file) == Progress("train re-ID", 57, "01:22")
    assert last_line(file) == "train-reid: inception on 720 images"


def test_a_bar_without_title_or_estimate(log):
    assert progress(log("  0%|          | 0/10 [00:00<?, ?it/s]")) == Progress("", 0, "?")


def test_a_log_without_a_bar_or_without_a_log(log, tmp_path):
    assert progress(log("rank-1 0.500, mAP 0.250 (3 s)\n\n")) is None
    assert last_line(tmp_path / "stage.log") == "rank-1 0.500, mAP 0.250 (3 s)"
    assert progress(tmp_path / "missing.log") is None
    assert last_line(tmp_path / "missing.log") == ""


def test_only_the_end_of_a_long_log_is_read(log):
    file = log("\r".join([BAR] * 5000) + "\nmAP 0.25\n")
    assert last_line(file) == "mAP 0.25"
    assert last_line(log("\r".join([BAR] * 5000))) == ""


def stages(tmp_path: Path) -> list[Stage]:
    (tmp_path / "run.log").write_text(BAR)
    (tmp_path / "done.log").write_text("mAP 0.250\n")
    log = Path("missing.log")
    return [
        Stage("arm-done", Path("done.log"), "done", 0, 0.0, 65.0, 1),
        Stage("arm-failed", log, "failed", 1, 0.0, 3.0, 1, "exit status 3"),
        Stage("arm-running", Path("run.log"), "running", 1, 0.0, None, 1),
        Stage("arm-waiting", log),
    ]


def test_the_table_shows_running_and_recent_stages(tmp_path):
    console = Console(width=120, record=True)
    console.print(_table(stages(tmp_path), tmp_path))
    text = console.export_text()
    assert "1 done, 1 failed, 1 running, 1 waiting" in text
    rows = {line.split()[0]: line for line in text.splitlines() if line.startswith("arm")}
    assert "1:05" in rows["arm-done"] and "mAP 0.250" in rows["arm-done"]
    assert "exit status 3" in rows["arm-failed"]
    assert "11%" in rows["arm-running"] and "01:22" in rows["arm-running"]
    assert "arm-waiting" not in rows


def test_lines_are_printed_once_where_there_is_no_terminal(tmp_path, capsys):
    with display(tmp_path, Console(width=80)) as show:
        show(stages(tmp_path))
        show(stages(tmp_path))
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "[2/4] arm-done: 1:05 mAP 0.250",
        "[2/4] arm-failed: failed, exit status 3 (see missing.log)",
        "[2/4] arm-running: started (slot 1, run.log)",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"), [(5, "0:05"), (65.9, "1:05"), (3600, "1:00:00"), (36_061, "10:01:01")]
)
def test_clock(seconds, text):
    assert clock(seconds) == text
