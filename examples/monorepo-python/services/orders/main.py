"""The service `orders`."""

from greetings import create_app

app = create_app("orders")
