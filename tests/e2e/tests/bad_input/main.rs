//! Input and surroundings that cannot work: each failure says what, where, why and what to do, leaves nothing half done
//! in the state, and is over with the next correct `up`.
//!
//! Faults are ordered for one project's paths only, so that the tests can run side by side.

#![expect(clippy::expect_used, reason = "tests: a panic is a finding")]

mod builds;
mod disk;
mod inputs;
mod surroundings;

use e2e::{Run, Stack, image_content};
use serde_json::Value;

const IMAGE: &str = "fastcontainer:index:FastContainerImage";

/// Runs `up`, which has to fail without an image or a pending operation in the state: the engine keeps an operation
/// pending when it is told a code that makes the state suspect.
#[track_caller]
fn refused(stack: &Stack) -> Run {
    let run = stack.up(&[]).fails();
    let (images, pending) = left_behind(stack);
    assert!(
        images.is_empty(),
        "the state holds half an image: {images:?}\n{}",
        run.text
    );
    assert!(pending.is_empty(), "the state is suspect: {pending:?}\n{}", run.text);
    run
}

/// The images and the pending operations in the state.
fn left_behind(stack: &Stack) -> (Vec<Value>, Vec<Value>) {
    let state = stack.state();
    let list = |name: &str| state["deployment"][name].as_array().cloned().unwrap_or_default();
    let images = list("resources")
        .into_iter()
        .filter(|one| one["type"] == IMAGE)
        .collect();
    (images, list("pending_operations"))
}

/// After the cause is gone, `up` ships the image with its file.
#[track_caller]
fn recovers(stack: &Stack) {
    stack.up(&[]).ok();
    assert_eq!(image_content(&stack.output("uri")), "one");
}
