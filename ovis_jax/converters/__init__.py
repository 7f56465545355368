"""One file for each foreign format: `read` gives checked annotations, `write` takes them."""
