"""What can be wrong with what a plan is made from."""


class PlanError(ValueError):
    """A plan that cannot be made; the message says what is wrong, the value, and what to do."""
