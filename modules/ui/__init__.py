"""The web page: screens and wiring. It knows services and gradio, and nothing of how a picture is made.

Layout (`*_tab`, `picture_panel`, `status_panel`), work (`*_handlers`, `watching`, `binding`) and wiring
(`wiring`) lie in files of their own; `application` puts them together.
"""
