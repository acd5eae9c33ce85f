"""The service `shipping`."""

from greetings import create_app

app = create_app("shipping")
