"""The site of docs/ has every page, and what is said of the package in several places is one."""

import configparser
import pathlib
import re

ROOT = pathlib.Path(__file__).parents[1]


def setup():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def navigated():
    """Pages of the navigation of mkdocs.yml."""
    text = (ROOT / "mkdocs.yml").read_text()
    return re.findall(r": (\S+\.md)$", text[text.index("\nnav:") :], re.M)


def test_every_page_of_docs_is_in_the_navigation_once():
    own = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    hook = (ROOT / "docs/_site/repository_links.py").read_text()
    elsewhere = dict(re.findall(r'"(\w+\.md)": "([^"]+)"', hook))
    assert sorted(navigated()) == sorted(own | set(elsewhere))
    assert all((ROOT / path).is_file() for path in elsewhere.values())


def test_what_the_reference_documents_exists():
    for path in (ROOT / "docs/reference").glob("*.md"):
        named = re.findall(r"^::: (\S+)$", path.read_text(), re.M)
        assert named
        for name in named:
            place = ROOT / name.replace(".", "/")
            assert place.with_suffix(".py").is_file() or (place / "__init__.py").is_file(), name


def test_the_citation_names_the_version():
    version = re.search(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(), re.M)[1]
    assert version == setup()["metadata"]["version"]


def test_tools_that_are_pinned_twice_have_one_version():
    pinned = (ROOT / "constraints.txt").read_text().splitlines()
    for name in re.findall(r'"([\w-]+==[\d.]+)"', (ROOT / ".pre-commit-config.yaml").read_text()):
        assert name in pinned


def test_every_extra_is_described_and_every_one_described_is_there():
    extras = set(setup()["options.extras_require"]) - {"beam"}  # of records alone; docs/data.md
    table = (ROOT / "docs/install.md").read_text()
    rows = re.findall(r"^\| (`.*?) \|", table, re.M)
    described = {name for row in rows for name in re.findall(r"`(\w+)`", row)} | {"cuda"}
    assert described == extras
