import * as fastcontainer from "pulumi-fastcontainer";

const released = fastcontainer.getImageOutput({
    repository: "123456789012.dkr.ecr.eu-central-1.amazonaws.com/api",
    tag: "released",
});

export const imageUri = released.imageUri;
