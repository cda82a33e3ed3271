"""The site of the documentation, for Sphinx. `make docs` builds it; warnings are errors.

The pages are those of the repository, so links between them are links within the site. What they
link to besides (sources, licences) is no part of it, and becomes plain text here.
"""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]

project = "venuepool"
release = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M).group(1)
root_doc = "docs/site/index"
include_patterns = [
    root_doc + ".rst",
    "*.md",
    "docs/**.md",
    "tests/venue/README.md",
    "benches/README.md",
]

extensions = ["myst_parser"]
myst_heading_anchors = 4
nitpicky = True
html_theme = "furo"
html_title = f"venuepool {release}"
html_copy_source = False
html_extra_path = ["top"]

# A link and its target, without images: of these the site has a copy.
LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)#\s]+)\)")


def leave_out_other_files(app, docname, source):
    """Makes a link to a file that is no page its text."""

    def without_target(match):
        text, target = match.groups()
        return match.group(0) if "://" in target or target.endswith(".md") else text

    source[0] = LINK.sub(without_target, source[0])


def setup(app):
    """Called by Sphinx."""
    app.connect("source-read", leave_out_other_files)
