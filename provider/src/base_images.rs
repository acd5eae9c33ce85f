//! Which digest the tag of a base image points at.
//!
//! Responsible for asking once per process and reference: all images of a program that start from `python:3.12` start
//! from the same one, also when the tag moves in between. Callers at the same time share one question; an answer is
//! kept, a failure is not; only a registry that stays silent is left alone for a while, or many images would each wait.
//!
//! Refuses to fail: an image that cannot be resolved, such as one that only a daemon's mirror has, is reported as that
//! and is then neither pinned nor recorded.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use fastcontainer_registry::{Digest, Reference, Repository, Tag};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared, join_all};
use tokio_util::sync::CancellationToken;

use crate::registries::{Registries, RegistryFailure};

/// How long a build waits for an answer about its base images.
const LIMIT: Duration = Duration::from_secs(5);
/// How long a registry that did not answer is not asked again.
const PAUSE: Duration = Duration::from_secs(30);
/// The base that is no image.
const SCRATCH: &str = "scratch";

/// What is known of a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// The digest of the manifest or index that it names, `sha256:…`.
    Digest(String),
    /// There is definitely no such image where the reference points; says why.
    Absent(String),
    /// It could not be resolved; says why, as a fragment for messages.
    Unknown(String),
}

/// Somebody who knows what tags point at.
#[async_trait]
pub trait TagSource: Send + Sync {
    /// The digest under the tag; `None` only when there is definitely none.
    ///
    /// # Errors
    /// When the question cannot be answered.
    async fn digest_of(&self, repository: &Repository, tag: &Tag) -> Result<Option<Digest>, RegistryFailure>;
}

#[async_trait]
impl TagSource for Registries {
    async fn digest_of(&self, repository: &Repository, tag: &Tag) -> Result<Option<Digest>, RegistryFailure> {
        Registries::digest_of(self, repository, tag).await
    }
}

type Question = Shared<BoxFuture<'static, Resolution>>;
type Name = (Repository, Tag);

/// What was asked in this process.
enum Asked {
    /// The digest.
    Known(String),
    /// Somebody may still wait for the answer.
    Running(WeakShared<BoxFuture<'static, Resolution>>),
    /// There was no answer within the limit.
    Silent(Instant, Resolution),
}

/// Resolves the base images of one process.
pub struct BaseImages {
    source: Arc<dyn TagSource>,
    limit: Duration,
    pause: Duration,
    asked: Mutex<HashMap<Name, Asked>>,
}

impl BaseImages {
    /// Asks `source`, which is contacted when a reference is first resolved.
    #[must_use]
    pub fn new(source: Arc<dyn TagSource>) -> Self {
        Self {
            source,
            limit: LIMIT,
            pause: PAUSE,
            asked: Mutex::default(),
        }
    }

    /// Resolves all references at the same time, within seconds. References by digest and `scratch` are left out of the
    /// answer: there is nothing to resolve. After a cancellation nothing that is still open is known.
    pub async fn resolve(&self, references: &[String], cancel: &CancellationToken) -> BTreeMap<String, Resolution> {
        let answers = references.iter().map(|reference| async move {
            let answer = tokio::select! {
                biased;
                () = cancel.cancelled() => Resolution::Unknown("cancelled".to_owned()),
                answer = self.resolve_one(reference) => answer?,
            };
            Some((reference.clone(), answer))
        });
        join_all(answers).await.into_iter().flatten().collect()
    }

    async fn resolve_one(&self, reference: &str) -> Option<Resolution> {
        if reference == SCRATCH {
            return None;
        }
        match Repository::parse_image(reference) {
            Ok((_, Reference::Digest(_))) => None,
            Ok((repository, Reference::Tag(tag))) => Some(self.ask((repository, tag)).await),
            Err(error) => Some(Resolution::Absent(error.to_string())),
        }
    }

    async fn ask(&self, name: Name) -> Resolution {
        let question = match self.question(&name) {
            Ok(question) => question,
            Err(known) => return known,
        };
        let began = Instant::now();
        let answer = question.await;
        let known = match &answer {
            Resolution::Digest(digest) => Asked::Known(digest.clone()),
            Resolution::Unknown(_) if began.elapsed() >= self.limit => Asked::Silent(Instant::now(), answer.clone()),
            Resolution::Absent(_) | Resolution::Unknown(_) => return answer,
        };
        self.lock().insert(name, known);
        answer
    }

    /// The question that runs already or a new one; the answer if it is known.
    fn question(&self, name: &Name) -> Result<Question, Resolution> {
        let mut asked = self.lock();
        let running = match asked.get(name) {
            Some(Asked::Known(digest)) => return Err(Resolution::Digest(digest.clone())),
            Some(Asked::Silent(since, answer)) if since.elapsed() < self.pause => return Err(answer.clone()),
            Some(Asked::Running(running)) => running.upgrade(),
            Some(Asked::Silent(..)) | None => None,
        };
        Ok(running.unwrap_or_else(|| {
            let question = answer(self.source.clone(), name.clone(), self.limit).boxed().shared();
            if let Some(running) = question.downgrade() {
                asked.insert(name.clone(), Asked::Running(running));
            }
            question
        }))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Name, Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(source: Arc<dyn TagSource>, (repository, tag): Name, limit: Duration) -> Resolution {
    match tokio::time::timeout(limit, source.digest_of(&repository, &tag)).await {
        Ok(Ok(Some(digest))) => Resolution::Digest(digest.to_string()),
        Ok(Ok(None)) => Resolution::Absent("the registry has no such image".to_owned()),
        Ok(Err(error)) => Resolution::Unknown(with_causes(&error)),
        Err(_) => Resolution::Unknown(format!("no answer within {} s", limit.as_secs_f32())),
    }
}

fn with_causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (**cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Answers with the number of the question, the first ones with a failure or not at all.
    #[derive(Default)]
    struct Counting {
        questions: AtomicUsize,
        failures: usize,
        silent: bool,
    }

    #[async_trait]
    impl TagSource for Counting {
        async fn digest_of(&self, _: &Repository, tag: &Tag) -> Result<Option<Digest>, RegistryFailure> {
            let number = self.questions.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(100)).await;
            match number {
                _ if tag.as_str() == "none" => Ok(None),
                n if n < self.failures && self.silent => std::future::pending().await,
                n if n < self.failures => Err(RegistryFailure::Cancelled),
                n => Ok(Some(Digest::of(n.to_string().as_bytes()))),
            }
        }
    }

    fn base_images(source: &Arc<Counting>) -> BaseImages {
        BaseImages {
            limit: Duration::from_millis(if source.silent { 700 } else { 20_000 }),
            pause: Duration::ZERO,
            ..BaseImages::new(source.clone())
        }
    }

    fn list(references: &[&str]) -> Vec<String> {
        references.iter().map(|reference| (*reference).to_owned()).collect()
    }

    fn digest(text: &str) -> Resolution {
        Resolution::Digest(Digest::of(text.as_bytes()).to_string())
    }

    fn is_absent(answers: &BTreeMap<String, Resolution>, reference: &str) -> bool {
        matches!(answers.get(reference), Some(Resolution::Absent(reason)) if !reason.is_empty())
    }

    fn is_unknown(answers: &BTreeMap<String, Resolution>, reference: &str) -> bool {
        matches!(answers.get(reference), Some(Resolution::Unknown(reason)) if !reason.is_empty())
    }

    /// Cancels while the first question is still open.
    async fn soon(cancel: &CancellationToken) {
        tokio::time::sleep(Duration::from_millis(5)).await;
        cancel.cancel();
    }

    #[tokio::test]
    async fn every_spelling_of_a_reference_is_asked_once_in_a_process() {
        let source = Arc::new(Counting::default());
        let (images, cancel) = (base_images(&source), CancellationToken::new());
        let spellings = list(&["alpine", "alpine:latest", "docker.io/library/alpine"]);
        let (first, second) = tokio::join!(images.resolve(&spellings, &cancel), images.resolve(&spellings, &cancel));
        assert_eq!(first, second);
        assert_eq!(
            first,
            spellings.iter().map(|name| (name.clone(), digest("0"))).collect()
        );
        assert_eq!(images.resolve(&spellings, &cancel).await, first);
        assert_eq!(source.questions.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn what_has_nothing_to_resolve_is_left_out() {
        let source = Arc::new(Counting::default());
        let by_digest = format!("a.example/b:c@{}", Digest::of(b""));
        let references = list(&["scratch", by_digest.as_str()]);
        let answers = base_images(&source)
            .resolve(&references, &CancellationToken::new())
            .await;
        assert_eq!((answers.len(), source.questions.load(Ordering::SeqCst)), (0, 0));
    }

    #[tokio::test]
    async fn what_is_no_image_says_why() {
        let source = Arc::new(Counting::default());
        let references = list(&["a.example/b:none", "$BASE", "a.example/b@sha256:12", ""]);
        let answers = base_images(&source)
            .resolve(&references, &CancellationToken::new())
            .await;
        assert!(
            references.iter().all(|reference| is_absent(&answers, reference)),
            "{answers:?}"
        );
    }

    #[tokio::test]
    async fn failures_are_shared_by_those_who_wait_and_then_forgotten() {
        for silent in [false, true] {
            let source = Arc::new(Counting {
                failures: 1,
                silent,
                ..Counting::default()
            });
            let (images, cancel, name) = (base_images(&source), CancellationToken::new(), list(&["alpine"]));
            let (first, second) = tokio::join!(images.resolve(&name, &cancel), images.resolve(&name, &cancel));
            assert!(is_unknown(&first, "alpine") && first == second, "{first:?} {second:?}");
            assert_eq!(images.resolve(&name, &cancel).await["alpine"], digest("1"));
        }
    }

    #[tokio::test]
    async fn a_silent_registry_is_waited_for_once() {
        let source = Arc::new(Counting {
            failures: 9,
            silent: true,
            ..Counting::default()
        });
        let images = BaseImages {
            pause: PAUSE,
            ..base_images(&source)
        };
        let (cancel, name) = (CancellationToken::new(), list(&["alpine"]));
        let first = images.resolve(&name, &cancel).await;
        assert_eq!(images.resolve(&name, &cancel).await, first);
        assert!(is_unknown(&first, "alpine"), "{first:?}");
        assert_eq!(source.questions.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn cancelling_one_caller_ends_its_wait_and_no_other() {
        let source = Arc::new(Counting::default());
        let (images, name) = (base_images(&source), list(&["alpine"]));
        let (cancelled, other) = (CancellationToken::new(), CancellationToken::new());
        let (first, second, ()) = tokio::join!(
            images.resolve(&name, &cancelled),
            images.resolve(&name, &other),
            soon(&cancelled)
        );
        assert!(is_unknown(&first, "alpine"), "{first:?}");
        assert_eq!(second["alpine"], digest("0"));
        assert_eq!(source.questions.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_question_that_everybody_left_is_asked_anew() {
        let source = Arc::new(Counting {
            failures: 1,
            silent: true,
            ..Counting::default()
        });
        let (images, cancelled, name) = (base_images(&source), CancellationToken::new(), list(&["alpine"]));
        tokio::join!(images.resolve(&name, &cancelled), soon(&cancelled));
        assert_eq!(
            images.resolve(&name, &CancellationToken::new()).await["alpine"],
            digest("1")
        );
    }
}
