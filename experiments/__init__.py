"""One question of the paper per file; `harness` trains, measures and prints."""
