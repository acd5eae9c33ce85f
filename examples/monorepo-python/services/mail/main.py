"""The service `mail`."""

from greetings import create_app

app = create_app("mail")
