"""The service `search`."""

from greetings import create_app

app = create_app("search")
