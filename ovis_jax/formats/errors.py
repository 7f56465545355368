"""The one error that bad input raises."""


class InputError(ValueError):
    """Input that cannot be used; the message is one line: file, entry, field, what was expected."""
