"""Turns the results of a run into reports, for people and for programs."""
