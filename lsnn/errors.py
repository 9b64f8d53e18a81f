"""Errors a user can mend."""


class InputError(ValueError):
    """A bad argument, configuration key or file; the message names it, the rule and the value received."""
