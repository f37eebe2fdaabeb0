"""Runs the rules: one with Hypothesis, all of them, in one process or several."""
