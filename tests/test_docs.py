"""README, CHANGELOG, CONTRIBUTING and docs/: links, anchors, files and commands that they name."""

import re
from pathlib import Path

import pytest
import yaml

from augment.cli import main

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")]
    + [*(ROOT / "docs").rglob("*.md")]
)
pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def prose(page: Path) -> str:
    return re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Anchors of the headings, as GitHub and MkDocs make them."""
    headings = re.findall(r"^#+ +(.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pages
def test_links_lead_to_files_and_headings(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.is_file(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(file), f"{page.name}: no heading for {target}"


@pages
def test_source_files_that_prose_names_exist(page):
    if page.name == "CHANGELOG.md":
        pytest.skip("names files of the past")
    named = re.findall(
        r"(?<![\w/])(?:augment|generators|reid|tests|benchmarks|profiles|docs)/[\w/.]*\w",
        prose(page),
    )
    named = [name for name in named if not re.search("toy|NAME", name)]
    missing = [name for name in named if not list(ROOT.glob(f"{name}*"))]
    assert not missing


@pages
def test_commands_exist(page):
    names = set(re.findall(r"`augment ([a-z-]+)|^ {4}augment ([a-z-]+)", prose(page), re.MULTILINE))
    assert {a or b for a, b in names} <= COMMANDS


def test_every_command_is_documented():
    text = prose(ROOT / "README.md") + prose(ROOT / "docs/commands.md")
    assert COMMANDS <= set(re.findall(r"augment ([a-z-]+)", text))


def test_every_page_is_in_the_sites_navigation():
    listed = set(re.findall(r"- ([\w/]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    assert listed == {
        str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")
    }


def test_modules_of_the_reference_exist():
    for page in (ROOT / "docs/reference").glob("*.md"):
        for module in re.findall(
            r"^::: ((?:augment|generators|reid)\.[\w.]+)$", page.read_text(), re.M
        ):
            assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), module


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 130


def test_pre_commit_needs_no_network():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert {repo["repo"] for repo in config["repos"]} == {"local"}


COMMANDS = {*main.commands}
