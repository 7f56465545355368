"""Changes to the contents of an annotation file."""


def set_value(contents, path, value):
    """Sets the value at a path such as "annotations 0 areas 2"; `...` removes it."""
    *parents, last = [int(key) if key.isdigit() else key for key in path.split()]
    for key in parents:
        contents = contents[key]
    if value is ...:
        del contents[last]
    else:
        contents[last] = value
