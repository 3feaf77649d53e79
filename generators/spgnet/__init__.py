"""SPGNet."""
