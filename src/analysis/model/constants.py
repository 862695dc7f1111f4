"""Every constant of the model in one place, each with its reason. None was set by the processes that certify it."""

import numpy as np

# A year and a month: a weekday is seen fifty times, and what is older resembles the event less.
HISTORY_DAYS = 400
# Two of each weekday; below, a level and independent days are all that can be told.
MIN_DAYS = 14
# Below it neither days of the month nor uneven noise are looked for.
MIN_PATTERN = 60
# Prior standard deviation, as a share of the level, of growth a year and of a payday: what services do.
PRIOR = 0.3
# |t| from which a day of the month gets a column: in 1 % of series without any, forty being tried.
STANDS_OUT = 3.7
# Robust standard deviations from which a day is odd: once in 400 years of normal days.
ODD = 4.5
# The same from which one of the last three days is named, and where a square is cut that compares noise.
FAR = 3.0
# Log likelihood by which another scale, or a slope of the noise, must beat the simpler choice (Akaike's, twice).
PRICE = 2.0
# Standard deviations tried of a group of columns with a common one, over that of the noise.
RANDOM_EFFECTS = (0.1, 0.3, 1.0)
# Days over which a weekday's late deviation fades: two months, the memory of a season.
OF_LATE = 56
# Weight, relative to the best, below which an error process is dropped from the average.
KEPT = 1e-3
# Share of days without anything that are outages, where ordinary days have plenty.
IDLE = 1 / 30
# Ratio of the ends of an interval from which a reader is warned.
WIDE = 10.0
# Autocorrelation of the errors at lag k, SHARE x PHI^k: half lives from half a day to six weeks; a share above one is
# a positive moving average.
PHI = np.array([0.3, 0.55, 0.75, 0.88, 0.95, 0.985])
SHARE = np.array([0.1, 0.25, 0.5, 0.75, 1.0, 1.1])
