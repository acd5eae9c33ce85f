"""Eight services, each from a folder of its own, on a base image with what they share."""

import pulumi
import pulumi_aws as aws
from pulumi_fastcontainer import FastContainerImage

SERVICES = ["accounts", "billing", "catalog", "mail", "orders", "search", "shipping", "web"]


def image(name: str, context: str, named_contexts: dict[str, pulumi.Input[str]] | None = None) -> FastContainerImage:
    repository = aws.ecr.Repository(name, force_delete=True)
    return FastContainerImage(
        name,
        repository=repository.repository_url,
        context=context,
        named_contexts=named_contexts,
    )


base = image("base", "./base")

# `FROM base` in a service's Dockerfile is this very image: a new base rebuilds all of them, an edit in one service only
# that one.
for service in SERVICES:
    built = image(service, f"./services/{service}", {"base": base.image_uri})
    pulumi.export(service, built.image_uri)

pulumi.export("base", base.image_uri)
