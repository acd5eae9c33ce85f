//! Answers of the resource as messages of the wire.

use fastcontainer_property::wire::to_struct;
use fastcontainer_property::{DifferenceKind, Failure};
use fastcontainer_proto::google::rpc::Status as RpcStatus;
use fastcontainer_proto::pulumirpc::diff_response::DiffChanges;
use fastcontainer_proto::pulumirpc::property_diff::Kind;
use fastcontainer_proto::pulumirpc::{CheckFailure, DiffResponse, ErrorResourceInitFailed, PropertyDiff};
use prost::Message as _;
use prost_types::Any;
use tonic::Status;

use crate::image::diff::InputDifference;
use crate::image::lifecycle::Failed;
use crate::report::Report;

const INIT_FAILED: &str = "type.googleapis.com/pulumirpc.ErrorResourceInitFailed";

pub(super) fn check_failures(failures: Vec<Failure>) -> Vec<CheckFailure> {
    let failure = |failure: Failure| CheckFailure {
        property: failure.path.to_string(),
        reason: failure.reason,
    };
    failures.into_iter().map(failure).collect()
}

pub(super) fn failed(report: &Report) -> Status {
    Status::new(report.code, report.text())
}

/// A failure of Create or Update; what exists already is kept in state.
pub(super) fn init_failed(failure: Failed) -> Status {
    let Some(existing) = failure.existing else {
        return failed(&failure.report);
    };
    let detail = ErrorResourceInitFailed {
        id: existing.id,
        properties: Some(to_struct(&existing.properties)),
        reasons: vec![failure.report.text()],
        ..Default::default()
    };
    let status = RpcStatus {
        code: failure.report.code.into(),
        message: failure.report.text(),
        details: vec![Any {
            type_url: INIT_FAILED.to_owned(),
            value: detail.encode_to_vec(),
        }],
    };
    Status::with_details(
        failure.report.code,
        failure.report.text(),
        status.encode_to_vec().into(),
    )
}

/// Every top-level name in `diffs` has a path in `detailedDiff`, and the reverse.
pub(super) fn property_diff(found: &[InputDifference]) -> DiffResponse {
    let top = |difference: &InputDifference| difference.path.root().unwrap_or_default().to_owned();
    let mut diffs: Vec<_> = found.iter().map(top).collect();
    diffs.dedup();
    let mut replaces: Vec<_> = found.iter().filter(|difference| difference.replaces).map(top).collect();
    replaces.dedup();
    let changes = if found.is_empty() {
        DiffChanges::DiffNone
    } else {
        DiffChanges::DiffSome
    };
    DiffResponse {
        replaces,
        changes: changes.into(),
        diffs,
        detailed_diff: found.iter().map(|one| (one.path.to_string(), detail(one))).collect(),
        has_detailed_diff: true,
        ..Default::default()
    }
}

fn detail(difference: &InputDifference) -> PropertyDiff {
    let kind = match (difference.kind, difference.replaces) {
        (DifferenceKind::Added, false) => Kind::Add,
        (DifferenceKind::Added, true) => Kind::AddReplace,
        (DifferenceKind::Deleted, false) => Kind::Delete,
        (DifferenceKind::Deleted, true) => Kind::DeleteReplace,
        (DifferenceKind::Updated, false) => Kind::Update,
        (DifferenceKind::Updated, true) => Kind::UpdateReplace,
    };
    PropertyDiff {
        kind: kind.into(),
        input_diff: true,
    }
}
