"""One question of the paper per file; `runner` trains, evaluates and prints."""
