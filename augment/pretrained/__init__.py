"""Networks with weights that were trained elsewhere: joint finders, parsers, image metrics."""
