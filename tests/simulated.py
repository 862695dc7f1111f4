"""A simulated year as a table, for tests that look into its cells."""

import numpy as np
import pandas as pd

from analysis.simulate.accounts import Account
from analysis.simulate.world import CHANNELS, COMPONENTS


def frame(account: Account) -> pd.DataFrame:
    """One row a day, entity and channel.

    Columns: date, entity, channel, count, value; then each component's count under its own name and its dirhams under
    the name with ``_value``. Components add up to `count` and `value`.
    """
    count, value = account.totals
    day, entity, channel = (axis.ravel() for axis in np.indices(count.shape, dtype=np.int32))
    columns = {
        "date": account.model.dates.to_numpy()[day],
        "entity": pd.Categorical.from_codes(entity, account.model.names),
        "channel": pd.Categorical.from_codes(channel, CHANNELS),
        "count": count.ravel(),
        "value": value.ravel(),
    }
    for parts, ending in ((account.count, ""), (account.value, "_value")):
        columns |= {f"{name}{ending}": part.ravel() for name, part in zip(COMPONENTS, parts, strict=True)}
    return pd.DataFrame(columns)
