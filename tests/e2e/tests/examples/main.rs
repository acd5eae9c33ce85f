//! The programs below `examples/`, as who copies them has them: `up`, the image runs, unchanged it is skipped, an edit rebuilds from
//! the step that reads it, `destroy`. Where a program hands an image to AWS, the stand-in for its provider gets it by digest.

#![expect(clippy::expect_used, clippy::panic, reason = "tests: a panic is a finding")]

mod codebuild;
mod example;
mod lambda;
mod migration;
mod monorepo;
mod packages;
mod running;
mod services;
mod types;
mod workflow;

use std::sync::Once;

use e2e::{install_plugin, lab};
use fastcontainer_lab::BaseImage;

/// The version of `@pulumi/aws` and `pulumi-aws` that programs import here.
const AWS: &str = "7.48.0";

/// Serves base images that labs have on request only, once, and installs the stand-in for the AWS provider.
fn prepare() {
    static DONE: Once = Once::new();
    DONE.call_once(|| {
        install_plugin(env!("CARGO_BIN_EXE_pulumi-resource-aws").as_ref(), AWS);
        let lab = lab();
        for image in [
            BaseImage::Uv,
            BaseImage::NodeSlim,
            BaseImage::Go,
            BaseImage::Rust,
            BaseImage::Maven,
            BaseImage::Java,
            BaseImage::LambdaNode,
            BaseImage::LambdaPython,
        ] {
            lab.emulator()
                .seed_base_image(image, lab.tools())
                .expect("a base image");
        }
    });
}
