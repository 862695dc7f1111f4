"""One function an estimator, and the law of the counterfactual that each returns; `analysis.effect` is their face."""
