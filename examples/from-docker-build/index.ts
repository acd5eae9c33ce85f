import * as aws from "@pulumi/aws";
import { FastContainerImage } from "pulumi-fastcontainer";

const repository = new aws.ecr.Repository("app", { forceDelete: true });

const image = new FastContainerImage("app", {
    repository: repository.repositoryUrl,
    context: "./app",
    buildArgs: { GREETING: "hello" },
    tags: ["latest"],
});

export const imageUri = image.imageUri;
