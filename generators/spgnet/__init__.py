"""SPGNet (Lv et al.): parsing prediction, flow and region-adaptive normalisation."""
