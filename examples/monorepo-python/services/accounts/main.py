"""The service `accounts`."""

from greetings import create_app

app = create_app("accounts")
