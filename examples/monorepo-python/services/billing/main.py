"""The service `billing`."""

from greetings import create_app

app = create_app("billing")
