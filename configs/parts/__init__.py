"""What set-ups are put together from: each function gives an unlocked part, documented here."""
