"""How Sphinx makes the site: `make docs`. Pages are the Markdown files of this folder, readable where they lie."""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING, Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import pages  # noqa: E402 - beside this file, which Sphinx does not put on the path

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "Potemkin"
author = "the authors of potemkin-bench"
copyright = "MIT licence"
version = release = version_of("potemkin-bench")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
suppress_warnings = [
    "misc.highlighting_failure",
    "myst.header",
]  # excerpts; boards begin at level 3

default_role = "code"  # docstrings have names in single backticks
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True, "exclude-members": "model_config, model_post_init"}
napoleon_numpy_docstring = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
add_module_names = False

html_theme = "pydata_sphinx_theme"
html_title = f"Potemkin {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_copyright = False
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "Potemkin"},
    "navbar_align": "left",
    "header_links_before_dropdown": 5,
    "show_prev_next": False,
    "show_nav_level": 1,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars: dict[str, list[str]] = {"index": []}


def _read(app: Sphinx, name: str, source: list[str]) -> None:
    source[0] = pages.on_site(name, source[0])


def _docstring(app: Sphinx, what: str, name: str, thing: object, options: Any, lines: list[str]) -> None:
    lines[:] = pages.literal_blocks(lines)


def setup(app: Sphinx) -> None:
    """What Sphinx calls first."""
    app.connect("source-read", _read)
    app.connect("autodoc-process-docstring", _docstring, priority=900)  # after napoleon
