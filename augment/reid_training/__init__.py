"""Training and scoring the re-ID model of an arm."""
