"""Leaderboards, model and data cards, the static report and the README's tables.

`collect` reads the outputs of the stages, `leaderboard` and `claims` build tables, `drawings` draws
the report's figures, `site` renders the pages (``templates/``), `readme` and `picture` write the
README's tables and overview figure. ``wording.yaml`` holds labels and descriptions,
``published.yaml`` the published results.
"""
