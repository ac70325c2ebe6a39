"""Trainings of many settings and seeds: `inkbench sweep` and `inkbench promote`.

`plan` reads and checks a command, `search` decides what to train next (Optuna), `running` has it
trained and writes the tables, `storing` makes every training a DVC experiment, and `editing`
changes params.yaml. `inkbench.reporting.seeds` reads the tables.
"""
