"""A synthetic ledger with a known true effect: the simulated Dubai of 2017. No number of it is a measurement."""

from analysis.simulate.synthetic import effects, ensure, simulate, truth, with_effect, year

__all__ = ["effects", "ensure", "simulate", "truth", "with_effect", "year"]
