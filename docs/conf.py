"""How the documentation site is made: ``make docs``. Sphinx with MyST (these pages are Markdown) and Furo's theme."""

from vidseg import __version__

project = "vidseg"
author = "The vidseg developers"
copyright = "The vidseg developers, Apache-2.0"  # noqa: A001  # Sphinx's name for it
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["runs"]
html_theme = "furo"
html_title = f"vidseg {version}"

# Every heading down to the third level can be linked to.
myst_heading_anchors = 3

# Docstrings are Google's style; what stands in single backticks is code.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"no-value": True}
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True  # else named tuples would be described twice
napoleon_custom_sections = [("Warns", "returns_style")]
add_module_names = False
