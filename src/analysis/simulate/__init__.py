"""A synthetic ledger with a known true effect: the simulated Dubai of 2017. No number of it is a measurement."""

from analysis.simulate.synthetic import effects, ensure, expectation, panel, simulate, truth, with_effect

__all__ = ["effects", "ensure", "expectation", "panel", "simulate", "truth", "with_effect"]
