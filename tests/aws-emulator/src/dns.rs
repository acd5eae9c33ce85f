//! A name server for labs and builds: every name of AWS leads to the loopback address, others where they were told to.
//!
//! A hosts file has no wildcards, and the host names of buckets are many. Answers A questions and gives an empty answer
//! to other types; follows RFC 1035 as far as one question in one datagram goes.

use std::collections::HashMap;
use std::io;
use std::net::Ipv4Addr;

use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

const LONGEST_DATAGRAM: usize = 512;
const HEADER: usize = 12;
const TYPE_A: u16 = 1;

/// Answers questions until told to end.
pub(crate) async fn serve(socket: UdpSocket, names: HashMap<String, Ipv4Addr>, running: CancellationToken) {
    tokio::select! {
        () = running.cancelled() => {}
        // A socket that fails for good leaves clients to their time-out.
        _ = answer_all(&socket, &names) => {}
    }
}

async fn answer_all(socket: &UdpSocket, names: &HashMap<String, Ipv4Addr>) -> io::Result<()> {
    let mut buffer = [0; LONGEST_DATAGRAM];
    loop {
        let (length, client) = socket.recv_from(&mut buffer).await?;
        if let Some(reply) = answer(&buffer[..length], names) {
            socket.send_to(&reply, client).await?;
        }
    }
}

/// Answers one datagram; none if it is not a question.
fn answer(query: &[u8], names: &HashMap<String, Ipv4Addr>) -> Option<Vec<u8>> {
    let is_question = query.len() > HEADER && query[2] & 0xf8 == 0 && query[4..6] == [0, 1];
    if !is_question {
        return None;
    }
    let (name, end) = read_name(query)?;
    let kind = u16::from_be_bytes([*query.get(end)?, *query.get(end + 1)?]);
    let question = query.get(HEADER..end + 4)?;
    let of_aws = name == "amazonaws.com" || name.ends_with(".amazonaws.com");
    let known = if of_aws {
        Some(&Ipv4Addr::LOCALHOST)
    } else {
        names.get(&name)
    };
    let address = known.filter(|_| kind == TYPE_A);
    let (addresses, code) = (u8::from(address.is_some()), if known.is_some() { 0 } else { 3 });
    let mut reply = query[..2].to_vec();
    // An authoritative answer; the wish for recursion is repeated.
    reply.extend([0x84 | (query[2] & 1), 0x80 | code, 0, 1, 0, addresses, 0, 0, 0, 0]);
    reply.extend(question);
    if let Some(address) = address {
        reply.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        reply.extend(address.octets());
    }
    Some(reply)
}

/// Reads the name in question, in lower case, and where it ends.
fn read_name(query: &[u8]) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    let mut at = HEADER;
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        match length {
            0 => return Some((labels.join("."), at)),
            1..=63 => labels.push(String::from_utf8_lossy(query.get(at..at + length)?).to_lowercase()),
            _ => return None,
        }
        at += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(name: &str, kind: u8) -> Vec<u8> {
        let mut query = vec![7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            query.push(u8::try_from(label.len()).unwrap());
            query.extend(label.as_bytes());
        }
        query.extend([0, 0, kind, 0, 1]);
        query
    }

    #[test]
    fn names_of_aws_are_the_loopback_address() {
        let reply = answer(&question("bucket.s3.eu-central-1.AmazonAWS.com", 1), &HashMap::new()).unwrap();
        assert_eq!((reply[3] & 15, reply[7]), (0, 1));
        assert!(reply.ends_with(&[127, 0, 0, 1]));
    }

    #[test]
    fn other_types_are_empty_and_other_names_do_not_exist() {
        let v6 = answer(&question("s3.eu-central-1.amazonaws.com", 28), &HashMap::new()).unwrap();
        assert_eq!((v6[3] & 15, v6[7]), (0, 0));
        for name in ["example.org", "notamazonaws.com"] {
            assert_eq!(
                answer(&question(name, 1), &HashMap::new()).unwrap()[3] & 15,
                3,
                "{name}"
            );
        }
    }

    #[test]
    fn told_names_lead_where_they_were_told_to() {
        let names = HashMap::from([("pypi.org".to_owned(), Ipv4Addr::new(127, 0, 0, 2))]);
        let reply = answer(&question("PyPI.org", 1), &names).unwrap();
        assert!(reply.ends_with(&[127, 0, 0, 2]));
        assert_eq!(answer(&question("files.pypi.org", 1), &names).unwrap()[3] & 15, 3);
    }

    #[test]
    fn broken_datagrams_have_no_answer() {
        let whole = question("s3.amazonaws.com", 1);
        for length in 0..whole.len() {
            assert_eq!(answer(&whole[..length], &HashMap::new()), None, "{length}");
        }
    }
}
