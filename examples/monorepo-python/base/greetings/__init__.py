"""What all services say."""

from flask import Flask


def create_app(name: str) -> Flask:
    app = Flask(name)

    @app.get("/")
    def greet() -> str:
        return f"hello from {name}\n"

    return app
