"""The service `web`."""

from greetings import create_app

app = create_app("web")
