import * as aws from "@pulumi/aws";
import { FastContainerImage } from "pulumi-fastcontainer";

const repository = new aws.ecr.Repository("function", { forceDelete: true });

const image = new FastContainerImage("function", {
    repository: repository.repositoryUrl,
    context: "./function",
});

const role = new aws.iam.Role("function", {
    assumeRolePolicy: aws.iam.assumeRolePolicyForPrincipal({ Service: "lambda.amazonaws.com" }),
});
new aws.iam.RolePolicyAttachment("function", {
    role: role.name,
    policyArn: aws.iam.ManagedPolicy.AWSLambdaBasicExecutionRole,
});

const greeter = new aws.lambda.Function("function", {
    packageType: "Image",
    imageUri: image.imageUri,
    role: role.arn,
    timeout: 10,
    memorySize: 256,
});
const url = new aws.lambda.FunctionUrl("function", {
    functionName: greeter.name,
    authorizationType: "AWS_IAM",
});

export const imageUri = image.imageUri;
export const functionUrl = url.functionUrl;
