"""Attacks on what is published, run as an attacker would; each has a twin that wins.

Rules (docs/attacks.md):

- An attack sees what its reader sees: figures, statuses, sizes, texts; the truth is
  asked only to judge.
- Its twin is the same code on the same truth without protection. If the twin does not
  win, the attack proves nothing and the suite says so.
- An attack passes if its rate stays at or below a bound that follows from the noise
  table, not from a run.
"""
