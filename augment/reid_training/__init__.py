"""What a re-ID model is trained on, and what it finds."""
