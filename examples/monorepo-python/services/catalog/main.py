"""The service `catalog`."""

from greetings import create_app

app = create_app("catalog")
