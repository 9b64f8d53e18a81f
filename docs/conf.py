"""Sphinx builds these pages with it: `make docs`."""

import sys
import tomllib
from pathlib import Path

CLONE = Path(__file__).parents[1]
sys.path[:0] = [str(CLONE), str(CLONE / "docs")]

PROJECT = tomllib.loads((CLONE / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = "LSNN simulator"
author = PROJECT["authors"][0]["name"]
copyright = author
version = release = PROJECT["version"]
html_title = f"{project} {version}"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton", "docstrings", "generated"]
exclude_patterns = ["_build"]
default_role = "code"

nb_execution_mode = "off"  # notebooks are shown as they stand; a test runs them
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4  # links to a heading: page.md#heading
suppress_warnings = ["myst.header"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
copybutton_exclude = ".linenos, .gp, .go"
