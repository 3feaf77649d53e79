"""The pose network: a heat-map regressor that the pipeline trains itself."""
