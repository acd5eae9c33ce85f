import pulumi
import pulumi_fastcontainer as fastcontainer

released = fastcontainer.get_image_output(
    repository="123456789012.dkr.ecr.eu-central-1.amazonaws.com/api",
    tag="released",
)

pulumi.export("imageUri", released.image_uri)
