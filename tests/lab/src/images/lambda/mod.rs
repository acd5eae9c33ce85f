//! Look-alikes of the Lambda base images: Debian instead of Amazon Linux, but the folders, variables and entrypoint of the real ones,
//! and AWS's own runtime interface clients.
//!
//! The client loads the handler when a container starts, so that a function which cannot be imported fails here as it does in Lambda.
//! They have no emulator of Lambda in them; `lab image invoke` is one.

use super::catalogue::{SYSTEM_PATH, TRUST, TRUST_NODE, TRUST_PIP};
use super::{Base, BaseImage, ImageRecipe, Part};

const TASK_ROOT: &str = "LAMBDA_TASK_ROOT=/var/task";
const RUNTIME: &str = "LAMBDA_RUNTIME_DIR=/var/runtime";

const ENTRYPOINT: Part = Part::Script {
    path: "lambda-entrypoint.sh",
    text: include_str!("entrypoint.sh"),
};

/// `public.ecr.aws/lambda/python:3.11`.
pub(super) const LAMBDA_PYTHON: ImageRecipe = ImageRecipe {
    base: Base::On(BaseImage::PythonSlim),
    debian: None,
    parts: &[
        Part::Folder("var/task"),
        Part::Folder("var/runtime"),
        Part::Wheel {
            requirement: "awslambdaric==4.2.2",
            files: RUNTIME_FOLDER,
        },
        Part::Wheel {
            requirement: "simplejson==4.3.0",
            files: RUNTIME_FOLDER,
        },
        Part::Wheel {
            requirement: "snapshot-restore-py==1.0.0",
            files: RUNTIME_FOLDER,
        },
        Part::Script {
            path: "var/runtime/bootstrap",
            text: include_str!("bootstrap-python.sh"),
        },
        ENTRYPOINT,
    ],
    environment: &[SYSTEM_PATH, "LANG=en_US.UTF-8", TASK_ROOT, RUNTIME, TRUST, TRUST_PIP],
    entrypoint: "/lambda-entrypoint.sh",
    links: &[],
    command: "",
    folder: "/var/task",
};

const RUNTIME_FOLDER: &[(&str, &str)] = &[("", "var/runtime")];

/// `public.ecr.aws/lambda/nodejs:22`.
pub(super) const LAMBDA_NODE: ImageRecipe = ImageRecipe {
    base: Base::On(BaseImage::NodeSlim),
    debian: None,
    parts: &[
        Part::Folder("var/task"),
        Part::Folder("var/runtime"),
        Part::Npm {
            package: "aws-lambda-ric@3.3.0",
            files: &[
                ("bin/index.mjs", "var/runtime/aws-lambda-ric/bin/index.mjs"),
                ("dist", "var/runtime/aws-lambda-ric/dist"),
            ],
        },
        Part::Script {
            path: "var/runtime/client.cjs",
            text: include_str!("client.cjs"),
        },
        Part::Script {
            path: "var/runtime/bootstrap",
            text: include_str!("bootstrap-nodejs.sh"),
        },
        ENTRYPOINT,
    ],
    environment: &[SYSTEM_PATH, "LANG=en_US.UTF-8", TASK_ROOT, RUNTIME, TRUST_NODE],
    entrypoint: "/lambda-entrypoint.sh",
    links: &[],
    command: "",
    folder: "/var/task",
};
