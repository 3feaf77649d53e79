"""mini_market: the rendered data set that ships with the package.

It shows people in the Market-1501 layout, with exact keypoints and parsing maps. Equal parameters
give equal bytes, and no picture depends on the others.
"""

from augment.data.mini_market.render import Difficulty
from augment.data.mini_market.write import MiniMarketParams, write

__all__ = ["Difficulty", "MiniMarketParams", "write"]
