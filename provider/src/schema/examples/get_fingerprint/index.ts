import * as fastcontainer from "pulumi-fastcontainer";

const found = fastcontainer.getFingerprintOutput({ context: "./api" });

export const fingerprint = found.fingerprint.total;
export const files = found.files;
