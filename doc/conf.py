"""
Settings of the manual: C{sphinx-build -n -W doc doc/_build/html}.
"""

project = "smtpx"
author = "the smtpx authors"
copyright = "2026, the smtpx authors"
extensions: list[str] = []
exclude_patterns = ["_build", "news/*.rst"]
html_theme = "alabaster"
html_theme_options = {
    "description": "SMTP for Twisted, one file an extension",
    "page_width": "60em",
    "sidebar_width": "15em",
}
html_show_sourcelink = False
# Names in double backquotes are names, not links to them.
default_role = None
