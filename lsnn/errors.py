"""Errors a user can mend."""


class InputError(ValueError):
    """A bad argument, configuration key or file; the message names it, the rule and the value received."""


class DivergedError(RuntimeError):
    """Meta-training that cannot go on by itself; the message names the cause and a remedy."""


class ClusterError(RuntimeError):
    """A cluster that cannot do the work: no workers, or workers whose results would differ."""
