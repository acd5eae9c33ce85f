//! File sync against a receiver that is stricter than a builder's.
//!
//! Responsible for what goes over the wire: order, metadata, pieces, ends, and what happens when something is wrong
//! on either side. Runs a real gRPC client and server over a stream in memory.
//!
//! Refuses to repeat what the builds on real builders already show.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use bollard_buildkit_proto::fsutil::types::packet::PacketType;
use bollard_buildkit_proto::fsutil::types::{Packet, Stat};
use bollard_buildkit_proto::moby::filesync::packet::file_sync_client::FileSyncClient;
use bollard_buildkit_proto::moby::filesync::packet::file_sync_server::FileSyncServer;
use fastcontainer_build_context::{ContextError, IgnoreRules, Selection, StatCache, walk};
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Status, Streaming};

use super::file_sync::{FileSyncService, ServedContext, SessionFailure, Traffic};
use super::tree::{ContentSource, Tree};
use crate::follow_paths::FollowPaths;
use crate::request::DockerfileSource;

const KIB: usize = 1024;

/// What a receiver got.
#[derive(Default)]
struct Received {
    stats: Vec<Stat>,
    content: BTreeMap<u32, Vec<u8>>,
    ended: Vec<u32>,
    largest_piece: usize,
    finished: bool,
    error: Option<String>,
}

/// A session's file sync and a connection to it.
struct Wire {
    client: FileSyncClient<Channel>,
    failed: UnboundedReceiver<SessionFailure>,
    traffic: Arc<Traffic>,
}

impl Wire {
    async fn serving(context: Tree) -> Self {
        Self::expecting(context, FollowPaths::Everything).await
    }

    async fn expecting(context: Tree, follow: FollowPaths) -> Self {
        let traffic = Arc::new(Traffic::default());
        let dockerfile = DockerfileSource {
            name: "Dockerfile".into(),
            bytes: b"FROM scratch\n".to_vec(),
        };
        let context = ServedContext::new("context".into(), "the build context".into(), context, follow);
        let (service, failed) = FileSyncService::new(Tree::of_dockerfile(&dockerfile), vec![context], traffic.clone());
        let (ours, theirs) = tokio::io::duplex(64 * KIB);
        let incoming = tokio_stream::once(Ok::<_, io::Error>(ours));
        tokio::spawn(
            Server::builder()
                .add_service(FileSyncServer::new(service))
                .serve_with_incoming(incoming),
        );
        let mut once = Some(theirs);
        let connector = tower::service_fn(move |_| {
            let stream = once.take().map(TokioIo::new).ok_or(io::ErrorKind::NotConnected);
            async move { stream.map_err(io::Error::from) }
        });
        let channel = Endpoint::from_static("http://session")
            .connect_with_connector(connector)
            .await
            .unwrap();
        Self {
            client: FileSyncClient::new(channel),
            failed,
            traffic,
        }
    }

    /// Begins a transfer; the sender takes the receiver's packets.
    async fn ask(
        &mut self,
        metadata: &[(&'static str, &str)],
    ) -> Result<(tokio::sync::mpsc::UnboundedSender<Packet>, Streaming<Packet>), Status> {
        let (requests, queue) = unbounded_channel();
        let mut request = Request::new(UnboundedReceiverStream::new(queue));
        for (key, value) in metadata {
            request
                .metadata_mut()
                .append(*key, MetadataValue::try_from(*value).unwrap());
        }
        Ok((requests, self.client.diff_copy(request).await?.into_inner()))
    }

    /// Receives a whole directory, asking for each file as soon as it is listed.
    async fn receive(&mut self, metadata: &[(&'static str, &str)]) -> Result<Received, Status> {
        let (requests, mut packets) = self.ask(metadata).await?;
        let (mut got, mut wanted, mut listed) = (Received::default(), 0, false);
        while let Some(packet) = packets.message().await? {
            match (packet.r#type(), packet.stat) {
                (PacketType::PacketStat, Some(stat)) => {
                    if stat.mode & (1 << 31 | 1 << 27) == 0 {
                        wanted += 1;
                        requests
                            .send(simple(PacketType::PacketReq, got.stats.len() as u32))
                            .unwrap();
                    }
                    got.stats.push(stat);
                }
                (PacketType::PacketStat, None) => listed = true,
                (PacketType::PacketData, _) if packet.data.is_empty() => got.ended.push(packet.id),
                (PacketType::PacketData, _) => {
                    got.largest_piece = got.largest_piece.max(packet.data.len());
                    got.content.entry(packet.id).or_default().extend(packet.data);
                }
                (PacketType::PacketFin, _) => got.finished = true,
                (PacketType::PacketErr, _) => got.error = Some(String::from_utf8(packet.data).unwrap()),
                (PacketType::PacketReq, _) => panic!("a sender does not ask"),
            }
            if listed && got.ended.len() == wanted && !got.finished {
                requests.send(simple(PacketType::PacketFin, 0)).unwrap();
                listed = false;
            }
        }
        Ok(got)
    }
}

fn simple(kind: PacketType, id: u32) -> Packet {
    Packet {
        r#type: kind.into(),
        id,
        ..Packet::default()
    }
}

/// Files with given bytes; the last byte of `spoilt` never comes.
struct Files {
    content: Vec<Vec<u8>>,
    spoilt: Option<usize>,
}

/// Reads like a file that turns out to be another one at its end.
struct Spoilt(io::Cursor<Vec<u8>>);

impl Read for Spoilt {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::other(ContextError::ChangedDuringBuild {
                path: "whatever".into(),
            })),
            count => Ok(count),
        }
    }
}

impl ContentSource for Files {
    fn open(&self, index: usize) -> io::Result<Box<dyn Read + Send>> {
        let content = io::Cursor::new(self.content[index].clone());
        Ok(if self.spoilt == Some(index) {
            Box::new(Spoilt(content))
        } else {
            Box::new(content)
        })
    }
}

fn tree(sizes: &[usize], spoilt: Option<usize>) -> Tree {
    let content: Vec<_> = sizes.iter().enumerate().map(|(i, size)| vec![i as u8; *size]).collect();
    let stat = |(i, size): (usize, &usize)| Stat {
        path: format!("f{i:03}"),
        mode: 0o644,
        size: *size as i64,
        ..Stat::default()
    };
    Tree::new(sizes.iter().enumerate().map(stat).collect(), Files { content, spoilt })
}

const CONTEXT: &[(&str, &str)] = &[("dir-name", "context")];

#[tokio::test]
async fn every_file_arrives_whole_in_pieces_of_32_kib() {
    let sizes = [0, 1, 32 * KIB, 32 * KIB + 1, 300 * KIB, 7, 0, 100 * KIB];
    let mut wire = Wire::serving(tree(&sizes, None)).await;
    let got = wire.receive(CONTEXT).await.unwrap();
    assert!(got.finished && got.error.is_none());
    for (i, size) in sizes.iter().enumerate() {
        assert_eq!(
            got.content.get(&(i as u32)).cloned().unwrap_or_default(),
            vec![i as u8; *size]
        );
    }
    assert_eq!((got.ended.len(), got.largest_piece), (sizes.len(), 32 * KIB));
    let count = wire.traffic.count();
    assert_eq!(
        (count.content, count.files),
        (sizes.iter().sum::<usize>() as u64, sizes.len() as u64)
    );
    assert!(count.stats > 0);
}

#[tokio::test]
async fn changed_content_never_ends_regularly() {
    let mut wire = Wire::serving(tree(&[10, 40 * KIB, 10], Some(1))).await;
    let got = wire.receive(CONTEXT).await.unwrap();
    assert!(!got.ended.contains(&1) && !got.finished);
    assert_eq!(got.error.as_deref(), Some("`f001` changed while it was being built"));
    assert!(matches!(wire.failed.recv().await, Some(SessionFailure::ContextChanged { path }) if path == "f001"));
}

#[tokio::test]
async fn requests_for_what_is_no_file_are_refused() {
    let directory = Stat {
        path: "d".into(),
        mode: 1 << 31 | 0o755,
        ..Stat::default()
    };
    for id in [0, 1, u32::MAX] {
        let context = Tree::new(
            vec![directory.clone()],
            Files {
                content: Vec::new(),
                spoilt: None,
            },
        );
        let mut wire = Wire::serving(context).await;
        let (requests, mut packets) = wire.ask(CONTEXT).await.unwrap();
        requests.send(simple(PacketType::PacketReq, id)).unwrap();
        let mut last = None;
        while let Some(packet) = packets.message().await.unwrap() {
            last = Some(packet.r#type());
        }
        assert_eq!(last, Some(PacketType::PacketErr));
        assert!(matches!(
            wire.failed.recv().await,
            Some(SessionFailure::Protocol { .. })
        ));
    }
}

#[tokio::test]
async fn the_ignore_file_is_asked_for_once_and_is_not_there() {
    let mut wire = Wire::serving(tree(&[5], None)).await;
    let only_ignore_file: &[_] = &[("dir-name", "context"), ("followpaths", ".dockerignore")];
    let first = wire.receive(only_ignore_file).await.unwrap();
    assert!(first.finished && first.stats.is_empty());
    assert_eq!(wire.receive(only_ignore_file).await.unwrap().stats.len(), 1);
}

#[tokio::test]
async fn the_dockerfile_comes_from_memory_and_does_not_count() {
    let mut wire = Wire::serving(tree(&[5], None)).await;
    let got = wire
        .receive(&[("dir-name", "dockerfile"), ("followpaths", "Dockerfile")])
        .await
        .unwrap();
    assert_eq!(
        (got.stats[0].path.as_str(), got.content[&0].as_slice()),
        ("Dockerfile", &b"FROM scratch\n"[..])
    );
    assert_eq!(wire.traffic.count().content, 0);
}

#[tokio::test]
async fn patterns_that_would_drop_files_are_refused() {
    for key in ["exclude-patterns", "include-patterns"] {
        let mut wire = Wire::serving(tree(&[5], None)).await;
        assert!(wire.receive(&[("dir-name", "context"), (key, "*.md")]).await.is_err());
        let failure = wire.failed.recv().await;
        assert!(
            matches!(failure, Some(SessionFailure::OutsideFingerprint { asked, .. }) if asked == "a view filtered by `*.md`")
        );
    }
}

fn only(patterns: &[&str]) -> FollowPaths {
    FollowPaths::Only(patterns.iter().map(|pattern| (*pattern).to_owned()).collect())
}

#[tokio::test]
async fn lists_beyond_the_fingerprint_are_refused() {
    let rows = [
        (only(&["src"]), &["src", "lib"][..], "`lib`"),
        (only(&["src"]), &[], "all files"),
        (FollowPaths::NotAsked, &["src"], "`src`"),
    ];
    for (follow, paths, expected) in rows {
        let mut wire = Wire::expecting(tree(&[5], None), follow).await;
        let paths = paths.iter().map(|path| ("followpaths", *path));
        let metadata: Vec<_> = CONTEXT.iter().copied().chain(paths).collect();
        assert!(wire.receive(&metadata).await.is_err());
        let failure = wire.failed.recv().await;
        assert!(
            matches!(&failure, Some(SessionFailure::OutsideFingerprint { asked, .. }) if asked == expected),
            "{failure:?}"
        );
    }
}

#[tokio::test]
async fn escaped_lists_are_read_as_they_were_meant() {
    let mut wire = Wire::expecting(tree(&[5], None), only(&["ä b+c", "x=&"])).await;
    let escaped = [
        ("dir-name", "context"),
        ("followpaths", "%C3%A4+b%2Bc"),
        ("followpaths", "x%3D%26"),
        ("followpaths-encoded", "1"),
    ];
    assert!(wire.receive(&escaped).await.unwrap().finished);
    let plain = [("dir-name", "context"), ("followpaths", "%C3%A4+b%2Bc")];
    assert!(wire.receive(&plain).await.is_err());
}

#[tokio::test]
async fn the_ignore_file_is_never_there_unless_it_is_a_source() {
    let question: &[_] = &[("dir-name", "context"), ("followpaths", ".dockerignore")];
    for follow in [FollowPaths::NotAsked, only(&["src"])] {
        let mut wire = Wire::expecting(tree(&[5], None), follow).await;
        for _ in 0..3 {
            assert!(wire.receive(question).await.unwrap().stats.is_empty());
        }
    }
    let mut wire = Wire::expecting(tree(&[5], None), only(&[".dockerignore"])).await;
    assert!(wire.receive(question).await.unwrap().stats.is_empty());
    assert_eq!(wire.receive(question).await.unwrap().stats.len(), 1);
}

#[tokio::test]
async fn other_directories_are_refused() {
    let mut wire = Wire::serving(tree(&[5], None)).await;
    assert!(wire.receive(&[("dir-name", "home")]).await.is_err());
    assert!(matches!(
        wire.failed.recv().await,
        Some(SessionFailure::Protocol { .. })
    ));
}

/// A context with names whose order is easily got wrong, and with odd modes.
fn awkward(root: &Path) {
    for directory in ["a", "a-b", "a.b", "empty"] {
        std::fs::create_dir(root.join(directory)).unwrap();
    }
    for file in ["a/b", "a/z", "a-b/c", "a.b/c", "a0", "Z", "é"] {
        std::fs::write(root.join(file), file).unwrap();
    }
    std::os::unix::fs::symlink("a/b", root.join("link")).unwrap();
    let modes = [("a0", 0o4755), ("Z", 0o600)];
    for (file, mode) in modes {
        let permissions = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(mode);
        std::fs::set_permissions(root.join(file), permissions).unwrap();
    }
}

#[tokio::test]
async fn a_snapshot_is_listed_in_the_order_of_the_file_sync_with_plain_modes() {
    let directory = tempfile::tempdir().unwrap();
    awkward(directory.path());
    let snapshot = Arc::new(
        walk(
            directory.path(),
            &IgnoreRules::none(),
            &Selection::whole(),
            &StatCache::disabled(),
            &CancellationToken::new(),
        )
        .unwrap(),
    );
    let times: Vec<i64> = (0..snapshot.entries().len() as i64).collect();
    let mut wire = Wire::serving(Tree::of_context(snapshot.clone(), &times)).await;
    let got = wire.receive(CONTEXT).await.unwrap();
    let listed: Vec<_> = got
        .stats
        .iter()
        .map(|stat| (stat.path.as_str(), stat.mode, stat.linkname.as_str()))
        .collect();
    let directory = 1 << 31 | 0o755;
    let expected = [
        ("Z", 0o644, ""),
        ("a", directory, ""),
        ("a/b", 0o644, ""),
        ("a/z", 0o644, ""),
        ("a-b", directory, ""),
        ("a-b/c", 0o644, ""),
        ("a.b", directory, ""),
        ("a.b/c", 0o644, ""),
        ("a0", 0o755, ""),
        ("empty", directory, ""),
        ("link", 1 << 27 | 0o777, "a/b"),
        ("é", 0o644, ""),
    ];
    assert_eq!(listed, expected);
    assert!(
        got.stats
            .iter()
            .all(|stat| stat.uid == 0 && stat.gid == 0 && stat.xattrs.is_empty())
    );
    assert_eq!(got.stats.iter().map(|stat| stat.mod_time).collect::<Vec<_>>(), times);
}

#[test]
fn another_dockerfile_has_another_time_even_at_equal_size() {
    let time = |text: &str| {
        let dockerfile = DockerfileSource {
            name: "Dockerfile".into(),
            bytes: text.as_bytes().to_vec(),
        };
        Tree::of_dockerfile(&dockerfile).stats()[0].mod_time
    };
    assert_ne!(time("FROM a\n"), time("FROM b\n"));
    assert_eq!(time("FROM a\n"), time("FROM a\n"));
}
