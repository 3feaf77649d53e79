"""mini_market: the data set that ships. People rendered by our own code in the Market-1501 layout,
with exact keypoints and parsing maps. Equal parameters give equal bytes, and no picture depends on
the others.
"""

from augment.data.mini_market.person import PARSING_LABELS
from augment.data.mini_market.render import Difficulty
from augment.data.mini_market.write import PARSING_PALETTE, MiniMarketParams, write

__all__ = ["PARSING_LABELS", "PARSING_PALETTE", "Difficulty", "MiniMarketParams", "write"]
