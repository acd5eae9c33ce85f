import * as fastcontainer from "pulumi-fastcontainer";

const api = new fastcontainer.FastContainerImage("api", {
    repository: "123456789012.dkr.ecr.eu-central-1.amazonaws.com/api",
    context: "./api",
    buildArgs: { VERSION: "1.4.2" },
});

export const imageUri = api.imageUri;
