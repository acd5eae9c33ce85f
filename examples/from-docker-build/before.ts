import * as aws from "@pulumi/aws";
import * as docker_build from "@pulumi/docker-build";

const repository = new aws.ecr.Repository("app", { forceDelete: true });
const login = aws.ecr.getAuthorizationTokenOutput({ registryId: repository.registryId });

const image = new docker_build.Image(
    "app",
    {
        tags: [repository.repositoryUrl.apply((url) => `${url}:latest`)],
        context: { location: "./app" },
        dockerfile: { location: "./app/Dockerfile" },
        platforms: ["linux/amd64"],
        buildArgs: { GREETING: "hello" },
        push: true,
        registries: [
            {
                address: repository.repositoryUrl,
                username: login.userName,
                password: login.password,
            },
        ],
    },
    { retainOnDelete: true },
);

export const imageUri = image.ref;
