//! Clients of Redis's protocol, for Redis and Syncline alike: as little work as can be, so that servers get the processor.

use std::net::SocketAddr;
use std::ops::Range;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::load::{AskError, Request, VALUE, Work};

pub(crate) struct Connection {
    stream: TcpStream,
    sent: Vec<u8>,
    received: Vec<u8>,
    /// What follows each write, in the same packet.
    confirmation: Option<&'static [&'static str]>,
}

/// One reply.
#[derive(Debug, PartialEq)]
pub(super) enum Reply<'a> {
    Simple(&'a str),
    Error(&'a str),
    Integer(i64),
    Bulk(&'a [u8]),
    Null,
}

impl Connection {
    pub(super) async fn open(
        address: SocketAddr,
        confirmation: Option<&'static [&'static str]>,
    ) -> Result<Self, AskError> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, sent: Vec::new(), received: Vec::new(), confirmation })
    }

    pub(crate) async fn ask(&mut self, request: &Request) -> Result<(), AskError> {
        self.sent.clear();
        match request.work {
            Work::Read => {
                push(&mut self.sent, &[b"GET", request.key.as_bytes()]);
                self.exchange(1, |reply| matches!(reply, Reply::Bulk(value) if value.len() == VALUE)).await
            }
            Work::Write => {
                push(&mut self.sent, &[b"SET", request.key.as_bytes(), &request.value]);
                let mut replies = 1;
                if let Some(words) = self.confirmation {
                    push(&mut self.sent, words);
                    replies += 1;
                }
                let is_served = |reply: &Reply<'_>| match reply {
                    Reply::Simple(text) => *text == "OK",
                    // How many replicas have it.
                    Reply::Integer(replicas) => *replicas >= 1,
                    _ => false,
                };
                self.exchange(replies, is_served).await
            }
        }
    }

    /// Sends words, and holds the answer against what is expected.
    pub(super) async fn command(
        &mut self,
        words: &[&str],
        is_expected: impl Fn(&Reply<'_>) -> bool,
    ) -> Result<(), AskError> {
        self.sent.clear();
        push(&mut self.sent, words);
        self.exchange(1, is_expected).await
    }

    /// Writes these keys once each.
    pub(super) async fn fill(&mut self, keys: Range<u32>) -> Result<(), AskError> {
        let mut random = fastrand::Rng::new();
        for key in keys {
            let value: String = std::iter::repeat_with(|| random.alphanumeric()).take(VALUE).collect();
            self.command(&["SET", &format!("key:{key:06}"), &value], |reply| *reply == Reply::Simple("OK")).await?;
        }
        Ok(())
    }

    /// Sends what waits, and reads so many replies.
    async fn exchange(&mut self, replies: usize, is_expected: impl Fn(&Reply<'_>) -> bool) -> Result<(), AskError> {
        self.stream.write_all(&self.sent).await?;
        self.received.clear();
        let (mut at, mut refusal) = (0, None);
        for _ in 0..replies {
            loop {
                if let Some((reply, length)) = parse(&self.received[at..])? {
                    match reply {
                        Reply::Error(text) => refusal = Some(text.to_owned()),
                        reply if is_expected(&reply) => {}
                        reply => refusal = Some(format!("{reply:?}")),
                    }
                    at += length;
                    break;
                }
                if self.stream.read_buf(&mut self.received).await? == 0 {
                    return Err(AskError::Broken(std::io::ErrorKind::UnexpectedEof.into()));
                }
            }
        }
        refusal.map_or(Ok(()), |refusal| Err(AskError::Refused(refusal)))
    }
}

fn push<T: AsRef<[u8]>>(sent: &mut Vec<u8>, words: &[T]) {
    use std::io::Write;
    let in_memory = "memory takes what is written";
    write!(sent, "*{}\r\n", words.len()).expect(in_memory);
    for word in words {
        let word = word.as_ref();
        write!(sent, "${}\r\n", word.len()).expect(in_memory);
        sent.extend_from_slice(word);
        sent.extend_from_slice(b"\r\n");
    }
}

/// The reply at the start of what was received and its length; `None` if it is not all there yet.
fn parse(received: &[u8]) -> Result<Option<(Reply<'_>, usize)>, AskError> {
    let Some(end) = received.windows(2).position(|two| two == b"\r\n") else { return Ok(None) };
    let unexpected = || AskError::unexpected(String::from_utf8_lossy(&received[..end]));
    let (kind, text) = received[..end].split_first().ok_or_else(unexpected)?;
    let text = std::str::from_utf8(text).map_err(|_| unexpected())?;
    let (number, after) = (text.parse::<i64>(), end + 2);
    let reply = match (kind, number) {
        (b'+', _) => Reply::Simple(text),
        (b'-', _) => Reply::Error(text),
        (b':', Ok(number)) => Reply::Integer(number),
        (b'$', Ok(-1)) | (b'_', _) => Reply::Null,
        (b'$', Ok(length)) => {
            let length = usize::try_from(length).map_err(|_| unexpected())?;
            let whole = received.len() >= after + length + 2;
            return Ok(whole.then(|| (Reply::Bulk(&received[after..after + length]), after + length + 2)));
        }
        _ => return Err(unexpected()),
    };
    Ok(Some((reply, after)))
}

#[cfg(test)]
mod tests {
    use super::{Reply, parse, push};

    #[test]
    fn replies_are_parsed_when_they_are_whole() {
        let parsed = |text: &'static str| parse(text.as_bytes()).expect("it is well formed");
        assert_eq!(parsed("+OK\r\n:2\r\n"), Some((Reply::Simple("OK"), 5)));
        assert_eq!(parsed(":2\r\n"), Some((Reply::Integer(2), 4)));
        assert_eq!(parsed("$3\r\nabc\r\nrest"), Some((Reply::Bulk(b"abc"), 9)));
        assert_eq!(parsed("$-1\r\n"), Some((Reply::Null, 5)));
        assert_eq!(parsed("-ERR no\r\n"), Some((Reply::Error("ERR no"), 9)));
        for part in ["", "$3\r\nabc\r", "$3\r", "+O"] {
            assert_eq!(parsed(part), None, "{part:?}");
        }
        assert!(parse(b"?\r\n").is_err() && parse(b"\r\n").is_err() && parse(b":x\r\n").is_err());
    }

    #[test]
    fn requests_are_arrays_of_bulks() {
        let mut sent = Vec::new();
        push(&mut sent, &["GET", "k"]);
        assert_eq!(sent, b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
    }
}
