"""Files of weights → arrays by name; nothing in them is run."""
