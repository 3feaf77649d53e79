"""Networks with weights from elsewhere: joint finders, parsers, image metrics."""
