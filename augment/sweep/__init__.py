"""The experiment's arms, and what has to be trained and generated for them."""
