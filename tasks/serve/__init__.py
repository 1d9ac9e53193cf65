"""Serving a registered model over HTTP: requests in, labels out, by the version that its alias points at.

request       bodies of requests as texts, or one line that says what is wrong with them
batching      the texts of concurrent requests, labelled together
predictions   what a model says, as JSON values
replying      the answers that go with labels
versions      the version that answers: follows its alias, verifies and loads
meters        what Prometheus reads
access_log    a JSON line a request, without its texts
access        which paths want no login
described     the OpenAPI document, with examples, and a page of it
app           the routes
"""
