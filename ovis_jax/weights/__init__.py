"""Other people's weights: files read, names mapped, layouts changed."""
