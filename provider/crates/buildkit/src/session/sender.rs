//! Sender of one `DiffCopy` transfer.
//!
//! Responsible for the packets of the file sync: all entries in their order, then the content of the files that the
//! builder asks for, four at a time in pieces of 32 KiB. A file's last packet is sent only after its content was
//! found to be what was fingerprinted; otherwise the transfer ends with an error packet and the failure is reported.
//! Follows fsutil's wire protocol: an entry's id is its index, requests may come while entries still flow.
//!
//! Refuses requests for anything but the files of its tree.

use std::io::Read;
use std::sync::Arc;

use bollard_buildkit_proto::fsutil::types::packet::PacketType;
use bollard_buildkit_proto::fsutil::types::{Packet, Stat};
use futures_util::{Stream, StreamExt};
use prost::Message;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{Receiver, Sender, UnboundedReceiver, UnboundedSender, channel, unbounded_channel};
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::file_sync::{SessionFailure, Traffic};
use super::tree::Tree;

/// Size of one piece of content.
const PIECE: usize = 32 * 1024;
/// Files that are read at the same time.
const READERS: usize = 4;
/// Packets that may wait for the network.
const QUEUE: usize = 64;

type Outgoing = Sender<Result<Packet, Status>>;

/// Starts sending `tree`; the failure, if there is one, goes to `failures`.
pub(super) fn start(
    tree: Arc<Tree>,
    traffic: Arc<Traffic>,
    requests: impl Stream<Item = Result<Packet, Status>> + Send + Unpin + 'static,
    failures: UnboundedSender<SessionFailure>,
) -> ReceiverStream<Result<Packet, Status>> {
    let (outgoing, packets): (Outgoing, Receiver<_>) = channel(QUEUE);
    let transfer = Transfer {
        tree,
        traffic,
        outgoing,
    };
    tokio::spawn(async move {
        if let Err(Stop::Failed(failure)) = transfer.run(requests).await {
            let text = failure.to_string().into_bytes();
            let _ = failures.send(failure);
            transfer.send(packet(PacketType::PacketErr, 0, text)).await.ok();
        }
    });
    ReceiverStream::new(packets)
}

/// Why a transfer stops before its end.
enum Stop {
    /// The other side is gone: nobody to tell.
    Gone,
    /// Something is wrong on our side or with the protocol.
    Failed(SessionFailure),
}

#[derive(Clone)]
struct Transfer {
    tree: Arc<Tree>,
    traffic: Arc<Traffic>,
    outgoing: Outgoing,
}

impl Transfer {
    async fn run(&self, requests: impl Stream<Item = Result<Packet, Status>> + Unpin) -> Result<(), Stop> {
        let (wanted, queue) = unbounded_channel();
        tokio::try_join!(
            self.announce(),
            self.take_requests(requests, wanted),
            self.read_all(queue)
        )?;
        self.send(packet(PacketType::PacketFin, 0, Vec::new())).await
    }

    async fn send(&self, packet: Packet) -> Result<(), Stop> {
        self.outgoing.send(Ok(packet)).await.map_err(|_| Stop::Gone)
    }

    /// Sends every entry, then the mark of the end.
    async fn announce(&self) -> Result<(), Stop> {
        for stat in self.tree.stats() {
            let packet = stat_packet(Some(stat.clone()));
            self.traffic.add_stat(packet.encoded_len());
            self.send(packet).await?;
        }
        self.send(stat_packet(None)).await
    }

    /// Takes the builder's packets until it has everything.
    async fn take_requests(
        &self,
        mut requests: impl Stream<Item = Result<Packet, Status>> + Unpin,
        wanted: UnboundedSender<usize>,
    ) -> Result<(), Stop> {
        let failed = |what: String| Stop::Failed(SessionFailure::Protocol { what });
        loop {
            let Some(Ok(packet)) = requests.next().await else {
                return Err(Stop::Gone);
            };
            match packet.r#type() {
                PacketType::PacketReq => {
                    let index = packet.id as usize;
                    if !self.tree.is_file(index) {
                        return Err(failed(format!(
                            "the builder asked for the content of entry {index}, which is no file"
                        )));
                    }
                    wanted.send(index).map_err(|_| Stop::Gone)?;
                }
                PacketType::PacketFin => return Ok(()),
                PacketType::PacketErr => {
                    let text = String::from_utf8_lossy(&packet.data);
                    return Err(failed(format!("the builder stopped the transfer: {text}")));
                }
                PacketType::PacketStat | PacketType::PacketData => {
                    return Err(failed(
                        "the builder sent a packet that only a sender may send".to_owned(),
                    ));
                }
            }
        }
    }

    /// Reads the wanted files with a few readers side by side.
    async fn read_all(&self, queue: UnboundedReceiver<usize>) -> Result<(), Stop> {
        let queue = Arc::new(Mutex::new(queue));
        let mut readers = JoinSet::new();
        for _ in 0..READERS {
            let (transfer, queue) = (self.clone(), queue.clone());
            readers.spawn(async move {
                while let Some(index) = next(&queue).await {
                    let transfer = transfer.clone();
                    let read = tokio::task::spawn_blocking(move || transfer.send_file(index));
                    read.await.map_err(|_| Stop::Gone)??;
                }
                Ok(())
            });
        }
        while let Some(reader) = readers.join_next().await {
            reader.map_err(|_| Stop::Gone)??;
        }
        Ok(())
    }

    /// Sends one file's content. Blocks.
    fn send_file(&self, index: usize) -> Result<(), Stop> {
        let failed = |error| Stop::Failed(self.tree.failure(index, error));
        let id = u32::try_from(index).map_err(|_| Stop::Gone)?;
        let mut content = self.tree.open(index).map_err(failed)?;
        loop {
            let mut piece = Vec::with_capacity(PIECE);
            content
                .by_ref()
                .take(PIECE as u64)
                .read_to_end(&mut piece)
                .map_err(failed)?;
            let length = piece.len();
            let data = packet(PacketType::PacketData, id, piece);
            self.outgoing.blocking_send(Ok(data)).map_err(|_| Stop::Gone)?;
            if length == 0 {
                self.traffic.add_file();
                return Ok(());
            }
            self.traffic.add_content(length);
        }
    }
}

async fn next(queue: &Mutex<UnboundedReceiver<usize>>) -> Option<usize> {
    queue.lock().await.recv().await
}

fn packet(kind: PacketType, id: u32, data: Vec<u8>) -> Packet {
    Packet {
        r#type: kind.into(),
        stat: None,
        id,
        data,
    }
}

fn stat_packet(stat: Option<Stat>) -> Packet {
    Packet {
        r#type: PacketType::PacketStat.into(),
        stat,
        id: 0,
        data: Vec::new(),
    }
}
