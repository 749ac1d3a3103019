"""What the tracking gateway raises besides `TrackingUnavailable`. Both are answers of a server that works."""

from ml_pipeline.errors import TrackingUnavailable


class MissingEndpoint(TrackingUnavailable):
    """The server does not know this call: an older one, or one that left it out."""

    code = "tracking_endpoint_missing"
    retryable = False


class NotTracked(TrackingUnavailable):
    """The run, model, version or alias does not stand on the server."""

    code = "not_tracked"
    retryable = False


class Rejected(TrackingUnavailable):
    """The server understood the call and declined it: asking the same again is in vain."""

    code = "tracking_rejected"
    retryable = False
