"""Greets whoever calls."""

from jinja2 import Template

GREETING = Template("hello from {{ name | default('lambda') }}")


def handler(event: dict, context: object) -> dict:
    query = event.get("queryStringParameters") or {}
    return {"statusCode": 200, "body": GREETING.render(query)}
