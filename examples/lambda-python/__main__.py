"""A function on AWS Lambda from a container image."""

import json

import pulumi
import pulumi_aws as aws
from pulumi_fastcontainer import FastContainerImage

repository = aws.ecr.Repository("function", force_delete=True)

image = FastContainerImage(
    "function",
    repository=repository.repository_url,
    context="./function",
)

role = aws.iam.Role(
    "function",
    assume_role_policy=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": "sts:AssumeRole",
                    "Principal": {"Service": "lambda.amazonaws.com"},
                }
            ],
        }
    ),
)
aws.iam.RolePolicyAttachment(
    "function",
    role=role.name,
    policy_arn=aws.iam.ManagedPolicy.AWS_LAMBDA_BASIC_EXECUTION_ROLE,
)

function = aws.lambda_.Function(
    "function",
    package_type="Image",
    image_uri=image.image_uri,
    role=role.arn,
    timeout=10,
    memory_size=256,
)

pulumi.export("imageUri", image.image_uri)
pulumi.export("functionArn", function.arn)
