"""The web server's worker: gunicorn's master, parser and responses, and threads that wait for requests themselves.

`worker` accepts, serves and ends; `connection` keeps what a client has sent so far; `environ` and `response` are the
two ends of WSGI; `seats` spreads connections over the workers.
"""
