import pulumi
import pulumi_fastcontainer as fastcontainer

api = fastcontainer.FastContainerImage(
    "api",
    repository="123456789012.dkr.ecr.eu-central-1.amazonaws.com/api",
    context="./api",
    build_args={"VERSION": "1.4.2"},
)

pulumi.export("imageUri", api.image_uri)
