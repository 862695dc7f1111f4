"""Every constant of the model in one place, each with its reason. None was set by the processes that certify it."""

import numpy as np

HISTORY_DAYS = (
    400  # a year and a month: long enough for a weekday to be seen fifty times, short enough to resemble
)
MIN_DAYS = 14  # two of each weekday; below, a constant and independent days are all that can be told
MIN_PATTERN = 60  # days below which neither days of the month nor uneven noise are looked for
GROWTH = (
    0.3  # prior standard deviation of growth a year, as a share of the level: government services grow so
)
MONTH = 0.3  # the same of a day of the month that stands out: a payday
STANDS_OUT = (
    3.7  # |t| from which a day of the month gets a column: 1 % of series without any, forty being tried
)
ODD = 4.5  # robust standard deviations from which a day is odd: once in 400 years of normal days
FAR = 3.0  # the same from which one of the last three days is named, and where a square is cut that compares noise
PRICE = 2.0  # log likelihood by which another scale, or one more variance, must beat the simpler choice
RANDOM_EFFECTS = (0.1, 0.3, 1.0)  # standard deviations tried of a group of columns, over that of the noise
OF_LATE = 56  # days over which a weekday's late deviation fades: two months, the memory of a season
KEPT = 1e-3  # weight, relative to the best, below which an error process is dropped from the average
IDLE = 1 / 30  # share of days without anything that are outages where ordinary days have plenty
WIDE = 10.0  # ratio of the ends of an interval from which a reader is warned

# Autocorrelation of the errors, share x PHI^k at lag k: an ARMA(1,1), an AR(1) seen through noise (Granger & Morris
# 1976). Half lives from half a day to six weeks; a share above one is a positive moving average.
PHI = np.array([0.3, 0.55, 0.75, 0.88, 0.95, 0.985])
SHARE = np.array([0.1, 0.25, 0.5, 0.75, 1.0, 1.1])
