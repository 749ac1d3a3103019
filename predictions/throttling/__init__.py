"""Rate limits that several processes keep together, without a server in the request path. Plain Python."""
