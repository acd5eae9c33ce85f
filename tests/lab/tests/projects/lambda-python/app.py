from jinja2 import Template


def handler(event, context):
    if "name" not in event:
        raise ValueError(f"who asks {context.function_name}?")
    return {"greeting": Template("hello {{ name }}").render(event)}
