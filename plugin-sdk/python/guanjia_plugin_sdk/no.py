"""The two ways in which a rule says no. Whatever else is raised is a mistake of the rule and breaks the call."""


class No(Exception):
    """A rule's no: raise one of its kinds."""

    def __init__(self, code, about="", args=()):
        super().__init__(code)
        self.code = code
        self.about = about
        self.numbers = tuple(args)


class Refused(No):
    """The rule decides against it. The manifest's `[messages]` translate the code; `args` are the numbers of the sentence."""

    def __init__(self, code, args=()):
        super().__init__(code, "", args)


class Undecided(No):
    """The rule cannot decide, because of `about`: the name of a fact, or a JSON pointer into the settings."""


class OutOfRange(Undecided):
    """A number left the range that the contract can carry."""

    def __init__(self):
        super().__init__("out-of-range")
