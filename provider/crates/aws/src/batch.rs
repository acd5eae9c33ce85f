//! Collects questions about one repository that arrive together, and asks them in one call.
//!
//! The first question opens a batch, which leaves a few milliseconds later with everything that came meanwhile. Equal
//! questions are asked once. A caller that gives up takes its question along if the batch has not left; the others never
//! notice.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_ecr::Client;
use futures_util::future::join_all;
use tokio::sync::oneshot;

use crate::answer;
use crate::ecr::{EcrManifest, ImageId};
use crate::error::{ApiCall, AwsError};
use crate::host::EcrHost;

/// How long a question waits for others.
const WINDOW: Duration = Duration::from_millis(5);

/// Images that one call may ask for.
const CALL_MAX: usize = 100;

type Answer = Result<Option<EcrManifest>, AwsError>;
type Waiting = Vec<(ImageId, oneshot::Sender<Answer>)>;

/// A repository of a registry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) host: EcrHost,
    pub(crate) repository: String,
}

/// The batches that have not left.
#[derive(Default)]
pub(crate) struct Batches {
    open: Mutex<HashMap<Place, Waiting>>,
}

impl Batches {
    /// Asks for one image, together with whoever asks at the same time.
    pub(crate) async fn ask(self: &Arc<Self>, client: &Client, place: Place, image: ImageId) -> Answer {
        let (sender, receiver) = oneshot::channel();
        let opened = {
            let mut open = self.open();
            let waiting = open.entry(place.clone()).or_default();
            waiting.push((image, sender));
            waiting.len() == 1
        };
        if opened {
            tokio::spawn(Self::leave(self.clone(), client.clone(), place));
        }
        receiver.await.unwrap_or(Err(AwsError::Interrupted {
            call: ApiCall::BatchGetImage,
        }))
    }

    async fn leave(self: Arc<Self>, client: Client, place: Place) {
        tokio::time::sleep(WINDOW).await;
        let waiting = self.open().remove(&place).unwrap_or_default();
        let mut questions: BTreeMap<ImageId, Vec<oneshot::Sender<Answer>>> = BTreeMap::new();
        for (image, sender) in waiting.into_iter().filter(|(_, sender)| !sender.is_closed()) {
            questions.entry(image).or_default().push(sender);
        }
        let images: Vec<ImageId> = questions.keys().cloned().collect();
        let calls = images
            .chunks(CALL_MAX)
            .map(|images| answer::fetch(&client, &place, images));
        let answers = join_all(calls).await.into_iter().flatten();
        for ((_, senders), answer) in questions.into_iter().zip(answers) {
            for sender in senders {
                // Whoever gave up meanwhile does not listen.
                let _ = sender.send(answer.clone());
            }
        }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Place, Waiting>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
