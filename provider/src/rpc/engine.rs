//! Messages to the Pulumi engine: a queue per process, so that no operation ever waits for the display.
//!
//! Statuses are ephemeral and throttled: at most four a second where a person watches a terminal, at most one in ten
//! seconds elsewhere, since each is a printed line there. A message that cannot be sent is dropped.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fastcontainer_proto::pulumirpc::engine_client::EngineClient;
use fastcontainer_proto::pulumirpc::{LogRequest, LogSeverity};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tonic::transport::Endpoint;

use super::MAX_MESSAGE_BYTES;
use super::terminal::is_interactive;
use crate::reporter::Reporter;
use crate::untrusted::neutralise;

/// The longest message sent; more is cut.
const LONGEST_MESSAGE: usize = 32 * 1024;

enum Item {
    Log(LogRequest),
    Flush(oneshot::Sender<()>),
}

/// A connection to the engine's log service.
#[derive(Clone)]
pub(crate) struct EngineLog {
    queue: UnboundedSender<Item>,
    status_interval: Duration,
}

impl EngineLog {
    /// Connects lazily to `address` (`host:port`). `None` when the address is unusable.
    pub(crate) fn connect(address: &str) -> Option<Self> {
        let channel = Endpoint::from_shared(format!("http://{address}")).ok()?.connect_lazy();
        let mut client = EngineClient::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES);
        let (queue, mut items) = unbounded_channel();
        tokio::spawn(async move {
            while let Some(item) = items.recv().await {
                match item {
                    Item::Log(request) => drop(client.log(request).await),
                    Item::Flush(done) => drop(done.send(())),
                }
            }
        });
        let status_interval = if is_interactive() {
            Duration::from_millis(250)
        } else {
            Duration::from_secs(10)
        };
        Some(Self { queue, status_interval })
    }

    /// Waits until everything queued so far was sent, so that a message never arrives after the answer it belongs to.
    pub(crate) async fn flush(&self) {
        let (done, sent) = oneshot::channel();
        if self.queue.send(Item::Flush(done)).is_ok() {
            drop(tokio::time::timeout(Duration::from_secs(2), sent).await);
        }
    }

    fn log(&self, urn: &str, severity: LogSeverity, text: &str, ephemeral: bool) {
        let mut message = neutralise(text);
        if message.len() > LONGEST_MESSAGE {
            let cut = (0..=LONGEST_MESSAGE)
                .rev()
                .find(|at| message.is_char_boundary(*at))
                .unwrap_or(0);
            message.truncate(cut);
            message.push('…');
        }
        let request = LogRequest {
            severity: severity.into(),
            message,
            urn: urn.to_owned(),
            stream_id: 0,
            ephemeral,
        };
        drop(self.queue.send(Item::Log(request)));
    }
}

/// The messages of one resource.
pub(crate) struct UrnReporter {
    log: Option<EngineLog>,
    urn: String,
    last_status: Mutex<Option<Instant>>,
}

impl UrnReporter {
    pub(crate) fn new(log: Option<EngineLog>, urn: &str) -> Arc<Self> {
        Arc::new(Self {
            log,
            urn: urn.to_owned(),
            last_status: Mutex::new(None),
        })
    }

    fn status_is_due(&self, clearing: bool, interval: Duration) -> bool {
        let mut last = self.last_status.lock().unwrap_or_else(PoisonError::into_inner);
        if clearing {
            return last.take().is_some();
        }
        let due = last.is_none_or(|at| at.elapsed() >= interval);
        if due {
            *last = Some(Instant::now());
        }
        due
    }
}

impl Reporter for UrnReporter {
    fn info(&self, text: &str) {
        if let Some(log) = &self.log {
            log.log(&self.urn, LogSeverity::Info, text, false);
        }
    }

    fn warning(&self, text: &str) {
        if let Some(log) = &self.log {
            log.log(&self.urn, LogSeverity::Warning, text, false);
        }
    }

    fn status(&self, text: &str) {
        if let Some(log) = &self.log
            && self.status_is_due(text.is_empty(), log.status_interval)
        {
            log.log(&self.urn, LogSeverity::Info, text, true);
        }
    }
}
