import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { FastContainerImage } from "pulumi-fastcontainer";

const config = new pulumi.Config();

const repository = new aws.ecr.Repository("service", { forceDelete: true });

const image = new FastContainerImage("service", {
    repository: repository.repositoryUrl,
    context: "./service",
});

const role = new aws.iam.Role("execution", {
    assumeRolePolicy: aws.iam.assumeRolePolicyForPrincipal({ Service: "ecs-tasks.amazonaws.com" }),
});
new aws.iam.RolePolicyAttachment("execution", {
    role: role.name,
    policyArn: "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy",
});

// The digest is part of the definition: a new image is a new revision, an unchanged one is none.
const task = new aws.ecs.TaskDefinition("service", {
    family: "service",
    requiresCompatibilities: ["FARGATE"],
    networkMode: "awsvpc",
    cpu: "256",
    memory: "512",
    executionRoleArn: role.arn,
    containerDefinitions: pulumi.jsonStringify([
        {
            name: "service",
            image: image.imageUri,
            essential: true,
            portMappings: [{ containerPort: 8080 }],
        },
    ]),
});

const cluster = new aws.ecs.Cluster("cluster");
new aws.ecs.Service("service", {
    cluster: cluster.arn,
    taskDefinition: task.arn,
    desiredCount: 2,
    launchType: "FARGATE",
    networkConfiguration: {
        subnets: config.requireObject<string[]>("subnets"),
        assignPublicIp: true,
    },
});

export const imageUri = image.imageUri;
