"""Lets MkDocs show pages that lie outside docs/, and resolves links that lead out of it.

README.md is the first page. A link to a file that is no page becomes its name: the site does not
know where the repository lies. One to a file that does not exist stays, and the strict build fails.
"""

import pathlib
import posixpath
import re

from mkdocs.structure.files import File

ROOT = pathlib.Path(__file__).parents[2]
PAGES = {
    "index.md": "README.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "colab.md": "colab/README.md",
    "demo_model.md": "ovis_jax/demo/MODEL_CARD.md",
}
"""Addresses in docs/ of files that lie elsewhere."""

_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files, config):
    """Adds the pages that lie elsewhere."""
    for address, path in PAGES.items():
        content = (ROOT / path).read_text(encoding="utf-8")
        files.append(File.generated(config, address, content=content))
    return files


def on_page_markdown(markdown, page, config, files):
    """Turns links as they are in the repository into those of the site."""
    source = PAGES.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    return _LINK.sub(lambda link: _resolved(link, source, page.file.src_uri), markdown)


def _resolved(link, source, address):
    image, text, target, anchor = link.group(1), link.group(2), link.group(3), link.group(4) or ""
    if re.match(r"[a-z]+:", target):
        return link.group(0)
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
    there = {repository: own for own, repository in PAGES.items()}.get(path)
    if there is None and path.startswith("docs/"):
        there = path.removeprefix("docs/")
    if there is not None:
        near = posixpath.relpath(there, posixpath.dirname(address) or ".")
        return f"{image}[{text}]({near}{anchor})"
    if (ROOT / path).exists():
        return text if f"`{path}`" in text else f"{text} (`{path}`)"
    return link.group(0)
