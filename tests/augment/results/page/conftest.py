"""Projects with made-up results, and the page that the report makes of them."""

import made_cards
import made_results
import pytest
import yaml
from click.testing import CliRunner

from augment.cli import main
from augment.results import bars, curves


def write_report(folder, made, params):
    """The page's path and what the command printed, for a project that `made(folder)` fills."""
    made(folder)
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        result = CliRunner().invoke(main, ["report", "--no-tracking"])
    assert result.exit_code == 0, result.output
    return folder / "reports/index.html", result.output


@pytest.fixture
def report(tmp_path, monkeypatch, small_project_params):
    for module in (curves, bars):  # pictures, which have separate tests
        monkeypatch.setattr(module, "plot", lambda summary, file: file.touch())
    return lambda made: write_report(tmp_path, made, small_project_params)


@pytest.fixture(scope="session")
def small_report(tmp_path_factory, small_project_params):
    """Made-up results, which tests must not change.

    They have two budgets, extended sets, three seeds, harmed arms, and nine generators.
    """

    def made(folder):
        made_results.write(folder, portions=(0.1, 0.5, 1.0))
        made_cards.write(folder)

    return write_report(tmp_path_factory.mktemp("report"), made, small_project_params)
