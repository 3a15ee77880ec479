"""What can be asked for one, but not for all."""


class Unwalked(dict):
    """Whoever walks over it fails: nothing is to cost what a fleet costs."""

    def __iter__(self):
        raise AssertionError("nothing walks over all connections")

    items = keys = values = __iter__
