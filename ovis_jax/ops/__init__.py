"""Arrays to arrays: no parameters, no config objects."""
