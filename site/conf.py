"""Sphinx's settings for the course's site. `make site` copies notebooks and documents beside this file."""

import os
import sys

sys.path.insert(0, os.environ["T2V_ROOT"])

from tools.course import BRANCH, REPOSITORY
from tools.notebooks.address import on_github

project = "Text-to-video"
author = "The authors of the course"
copyright = "2026, the t2v-helpers authors"
extensions = ["myst_nb", "tools.site.course_pages"]
html_theme = "sphinx_book_theme"
html_title = "Text-to-video, from a toy GAN to ModelScope"
templates_path = ["_templates"]
html_static_path = ["_static"]
html_css_files = ["course.css"]
html_favicon = "_static/favicon.svg"
html_context = {"default_mode": "auto"}
html_extra_path = ["offline.js"]
html_sourcelink_suffix = ""  # the download button hands out the page's source: a notebook, or Markdown
html_show_sourcelink = False
CC_BY = '<a rel="license" href="https://creativecommons.org/licenses/by/4.0/">CC BY 4.0</a>'
MIT = '<a rel="license" href="https://spdx.org/licenses/MIT.html">MIT</a>'
html_theme_options = {
    "extra_footer": f"<p>Text and figures: {CC_BY}. Code and the scale models' weights: {MIT}.</p>",
    "show_toc_level": 2,
    "home_page_in_toc": False,
    "use_download_button": True,
    "use_fullscreen_button": False,
    "navbar_start": [],
    "navbar_center": [],
    "navbar_end": [],
    "navbar_persistent": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
if on_github(REPOSITORY):
    html_theme_options |= {
        "repository_url": REPOSITORY,
        "repository_branch": BRANCH,
        "use_repository_button": True,
        "launch_buttons": {
            "colab_url": "https://colab.research.google.com",
            "binderhub_url": "https://mybinder.org",
            "notebook_interface": "jupyterlab",
        },
    }
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 3
myst_dmath_double_inline = True
myst_fence_as_directive = ["math"]
html_math_renderer = "mathml"
exclude_patterns = ["_templates", "node_modules", "docs/versions.md", "README.md"]
