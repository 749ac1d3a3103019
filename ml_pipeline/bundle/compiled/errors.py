"""Why a model is not compiled. No fault: it then runs as the scikit-learn pipeline."""


class NotCompilable(Exception):
    """The model is no sum that this package can take over exactly; the message says what stands in the way."""
