//! Answers that go wrong on their way: cut off in the middle, or slow.
//!
//! Headers stay as the service made them, so that a cut answer promises more than comes. The service has done its work
//! by then.

use std::future::ready;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, BodyStream, StreamBody};
use hyper::body::{Body as _, Frame};

use crate::reply::Reply;

/// Bytes that a slow answer sends at once.
const PIECE: usize = 1024;
const FLUSH: Duration = Duration::from_millis(20);

/// Ends the connection after this many bytes of the body, or after half of it.
pub(crate) fn cut(reply: Reply, bytes: Option<u64>) -> Reply {
    let half = || reply.body().size_hint().lower() / 2;
    let kept = usize::try_from(bytes.unwrap_or_else(half)).unwrap_or(usize::MAX);
    reply.map(|body| {
        let start = BodyStream::new(body).scan(kept, |left, frame| {
            let piece = frame.map(|frame| {
                let mut data = frame.into_data().unwrap_or_default();
                data.truncate(*left);
                *left -= data.len();
                Frame::data(data)
            });
            let over = piece
                .as_ref()
                .is_ok_and(|frame| frame.data_ref().is_none_or(Bytes::is_empty));
            ready((!over).then_some(piece))
        });
        let end = stream::once(async {
            // Without a pause, the connection would end before what comes first is sent.
            tokio::time::sleep(FLUSH).await;
            Err(io::ErrorKind::ConnectionReset.into())
        });
        StreamBody::new(start.chain(end)).boxed_unsync()
    })
}

/// Sends the body in small pieces, so many bytes a second.
pub(crate) fn slow(reply: Reply, bytes_per_second: u32) -> Reply {
    let pause = Duration::from_secs_f64(PIECE as f64 / f64::from(bytes_per_second.max(1)));
    reply.map(|body| {
        let pieces = BodyStream::new(body).flat_map(|frame| match frame {
            Ok(frame) => {
                let data = frame.into_data().unwrap_or_default();
                let pieces = (0..data.len()).step_by(PIECE);
                let pieces: Vec<_> = pieces
                    .map(|at| Ok(data.slice(at..data.len().min(at + PIECE))))
                    .collect();
                stream::iter(pieces)
            }
            Err(error) => stream::iter(vec![Err(error)]),
        });
        let frames = pieces.then(move |piece| async move {
            tokio::time::sleep(pause).await;
            piece.map(Frame::data)
        });
        StreamBody::new(frames).boxed_unsync()
    })
}
