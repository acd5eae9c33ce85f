import * as fs from "fs";
import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import { FastContainerImage } from "pulumi-fastcontainer";

const repository = new aws.ecr.Repository("app", { forceDelete: true });

// Files travel through this bucket. They are of no use after some days.
const bucket = new aws.s3.Bucket("files", { forceDestroy: true });
new aws.s3.BucketPublicAccessBlock("files", {
    bucket: bucket.bucket,
    blockPublicAcls: true,
    blockPublicPolicy: true,
    ignorePublicAcls: true,
    restrictPublicBuckets: true,
});
new aws.s3.BucketLifecycleConfiguration("files", {
    bucket: bucket.bucket,
    rules: [
        {
            id: "files-of-builds",
            status: "Enabled",
            filter: { prefix: "fastcontainer/" },
            expiration: { days: 7 },
            abortIncompleteMultipartUpload: { daysAfterInitiation: 1 },
        },
    ],
});

const role = new aws.iam.Role("builds", {
    assumeRolePolicy: aws.iam.assumeRolePolicyForPrincipal({ Service: "codebuild.amazonaws.com" }),
});

// Each build says what it needs: the source and the settings here do not matter.
const project = new aws.codebuild.Project("images", {
    serviceRole: role.arn,
    artifacts: { type: "NO_ARTIFACTS" },
    source: {
        type: "NO_SOURCE",
        buildspec: "version: 0.2\nphases:\n  build:\n    commands: ['true']\n",
    },
    environment: {
        type: "LINUX_CONTAINER",
        computeType: "BUILD_GENERAL1_SMALL",
        image: "aws/codebuild/amazonlinux-x86_64-standard:5.0",
    },
});

// The documents beside docs/codebuild.md, for this account, project, bucket and repository.
function policy(document: string): pulumi.Output<string> {
    const text = fs.readFileSync(`../../docs/iam/${document}.json`, "utf8");
    const names = {
        REGION: aws.getRegionOutput().region,
        ACCOUNT: aws.getCallerIdentityOutput().accountId,
        BUCKET: bucket.bucket,
        PROJECT: project.name,
        REPOSITORY: repository.name,
    };
    return pulumi
        .output(names)
        .apply((known) => Object.entries(known).reduce((filled, [name, value]) => filled.replaceAll(name, value), text));
}

const rights = new aws.iam.RolePolicy("builds", {
    role: role.name,
    policy: policy("codebuild-service-role"),
});

// For whoever runs Pulumi without being an administrator.
const caller = new aws.iam.Policy("caller", { policy: policy("codebuild-caller") });

const image = new FastContainerImage(
    "app",
    {
        repository: repository.repositoryUrl,
        context: "./app",
        builder: { codebuild: { project: project.name, sourceBucket: bucket.bucket } },
    },
    { dependsOn: rights },
);

export const imageUri = image.imageUri;
export const callerPolicy = caller.arn;
