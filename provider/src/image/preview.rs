//! Create and Update at preview: what will happen and why, without doing it.
//!
//! A question that the registry cannot answer leaves outputs unknown and is mentioned; it never fails a preview.

use super::apply::{Prior, Wanted, content_tag, in_state};
use super::base_images::known_digests;
use super::error::ImageError;
use super::inputs::BaseImages;
use super::make::described;
use super::operation::Operation;
use super::outputs::ImageOutputs;
use super::publish::{Place, tagged};
use super::reasons::{Explained, why};
use crate::planning::content_tag::ContentTag;
use crate::planning::decision::{Because, Decision, Facts, Presence, decide};
use crate::planning::reason::{Reason, announcement, sentence};
use crate::planning::record::{ShortDigests, shortened};
use crate::report::Report;

/// What a preview can promise.
#[derive(Debug, Clone)]
pub enum Promise {
    /// No build is needed: these outputs hold.
    Kept(Box<ImageOutputs>),
    /// A build will run, or it cannot be told. The content tag is known unless each build has one of its own.
    Open(Option<ContentTag>),
}

/// Says what an update would do.
pub async fn preview(op: &Operation, wanted: &Wanted, prior: Option<&Prior>) -> Promise {
    let tag = content_tag(op, &wanted.inputs, &wanted.fingerprint);
    let (observed, explained) = tokio::join!(observe(op, wanted, prior, tag.as_ref()), explained(op, wanted, prior));
    let reasons = explained.reasons;
    let forecast = explained.forecast.as_ref();
    match observed {
        Ok((facts, adopted)) => match decide(facts, reasons.clone()) {
            Decision::Reuse {
                because: Because::InState,
                ..
            } => kept(op, wanted, prior, tag),
            Decision::Reuse { .. } => {
                say(op, "adopt", &adoption(&reasons, tag.as_ref()));
                adopted.map_or(Promise::Open(tag), |outputs| Promise::Kept(Box::new(outputs)))
            }
            Decision::Build { reasons } => {
                say(op, &verb(op, wanted, prior), &announcement(&reasons, forecast));
                Promise::Open(tag)
            }
        },
        Err(error) => {
            let unanswered = format!("the registry could not be asked: {}", Report::from(&error).line());
            if prior.is_some_and(|prior| prior.serves(wanted)) {
                say(op, "cannot tell yet whether it rebuilds", &unanswered);
            } else {
                let announced = announcement(&reasons, forecast);
                say(op, &verb(op, wanted, prior), &format!("{announced}; {unanswered}"));
            }
            Promise::Open(tag)
        }
    }
}

/// Compares with what is on disk, when there is something to compare. What cannot be read any more is not named.
async fn explained(op: &Operation, wanted: &Wanted, prior: Option<&Prior>) -> Explained {
    let Some(built) = prior.filter(|prior| !prior.serves(wanted)) else {
        return why(op, wanted, prior, None);
    };
    let Ok(content) = op.gather(&wanted.inputs).await else {
        return why(op, wanted, prior, None);
    };
    let mut base_images = built
        .record()
        .map_or_else(ShortDigests::default, |record| record.base_images().clone());
    if op.session.base_images_mode(&wanted.inputs) == BaseImages::Track {
        // What the last build's are not known to be cannot be compared: whoever adopts an image records none.
        let mut now = shortened(&known_digests(op, &content.needs).await);
        now.retain(|reference, _| base_images.contains_key(reference));
        base_images.extend(now);
    }
    why(op, wanted, prior, Some((&content, &base_images)))
}

/// Only tags, or inputs that do not count, differ.
fn kept(op: &Operation, wanted: &Wanted, prior: Option<&Prior>, tag: Option<ContentTag>) -> Promise {
    let Some(prior) = prior else { return Promise::Open(tag) };
    if prior.inputs.tags() != wanted.inputs.tags() {
        say(op, "retag", "tags changed, no build");
    }
    Promise::Kept(Box::new(prior.outputs.clone()))
}

async fn observe(
    op: &Operation,
    wanted: &Wanted,
    prior: Option<&Prior>,
    tag: Option<&ContentTag>,
) -> Result<(Facts, Option<ImageOutputs>), ImageError> {
    let repository = wanted.inputs.repository()?;
    let in_state = in_state(op, wanted, prior, &repository).await?;
    let found = match (&in_state, tag) {
        (Some(Presence::Found(_)), _) | (_, None) => None,
        (_, Some(tag)) => {
            let place = Place::of(&wanted.inputs, tag.clone())?;
            tagged(op, &place)
                .await?
                .map(|published| described(wanted, &place, published))
        }
    };
    let content_tag = found
        .as_ref()
        .map_or(Presence::Missing, |found| Presence::Found(found.digest.clone()));
    Ok((Facts { in_state, content_tag }, found))
}

fn adoption(reasons: &[Reason], tag: Option<&ContentTag>) -> String {
    let tag = tag.map(ToString::to_string).unwrap_or_default();
    format!(
        "no build: this content is already in the registry as {tag} ({})",
        sentence(reasons)
    )
}

/// What will happen, and where unless that is the usual place, this machine's builder.
fn verb(op: &Operation, wanted: &Wanted, prior: Option<&Prior>) -> String {
    let verb = if prior.is_some() { "rebuild" } else { "build" };
    let builder = op.session.chosen_builder(&wanted.inputs);
    match builder.and_then(|builder| builder.codebuild.as_ref()) {
        Some(_) => format!("{verb} on codebuild"),
        None => verb.to_owned(),
    }
}

fn say(op: &Operation, verb: &str, text: &str) {
    op.reporter.info(&format!("{}: {verb} – {text}", op.urn.name));
}
