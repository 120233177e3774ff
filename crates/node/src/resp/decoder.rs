//! Requests out of a stream of bytes: arrays of bulk strings, or lines typed by a person.
//!
//! `redis-protocol` decodes any frame from its first byte on, however often it has looked at it before, and nests as
//! deep as it is told. Clients are not trusted here: a request of a million arguments that arrives byte by byte is
//! looked at once, nothing nests, nothing is allocated by a length that is only announced, and what is refused is
//! worded as Redis words it. The tests hold this decoder to that crate's reading of every request that both take.

use bytes::{Buf, Bytes, BytesMut};

use super::arguments::integer;

mod inline;

/// The longest argument: Redis's `proto-max-bulk-len`.
pub(crate) const MAX_BULK: usize = 512 * 1024 * 1024;
/// The most arguments of a request.
const MAX_ARGUMENTS: i64 = 1024 * 1024;
/// The longest line: a length, or a request that is typed.
const MAX_LINE: usize = 64 * 1024;
/// The longest argument of a client that has not given its password.
const MAX_STRANGERS_BULK: i64 = 16_384;
/// The most arguments of such a client.
const MAX_STRANGERS_ARGUMENTS: i64 = 10;

/// Why a client is told off and left. Nothing that follows can be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProtocolError {
    #[error("too big mbulk count string")]
    LongCount,
    #[error("invalid multibulk length")]
    Count,
    #[error("unauthenticated multibulk length")]
    StrangersCount,
    #[error("too big bulk count string")]
    LongBulkLength,
    #[error("expected '$', got '{}'", char::from(*.0))]
    NotABulk(u8),
    #[error("invalid bulk length")]
    BulkLength,
    #[error("unauthenticated bulk length")]
    StrangersBulkLength,
    #[error("too big inline request")]
    LongLine,
    #[error("unbalanced quotes in request")]
    Quotes,
}

/// What has been seen of a request that is not complete.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    arguments: Vec<Bytes>,
    /// Arguments that are still to come.
    missing: usize,
    /// The length of the next one, once it is known.
    length: Option<usize>,
    /// How much of the buffer holds no end of a line.
    searched: usize,
}

impl Decoder {
    /// Takes the next request out of the buffer: never an empty one. `None` if more has to arrive.
    pub(crate) fn next(&mut self, buffer: &mut BytesMut, is_known: bool) -> Result<Option<Vec<Bytes>>, ProtocolError> {
        loop {
            if self.missing > 0 {
                if !self.take_argument(buffer, is_known)? {
                    return Ok(None);
                }
                if self.missing == 0 {
                    return Ok(Some(std::mem::take(&mut self.arguments)));
                }
                continue;
            }
            match buffer.first() {
                None => return Ok(None),
                Some(b'*') => {
                    let Some(line) = self.take_line(buffer, b'\r', 2, ProtocolError::LongCount)? else {
                        return Ok(None);
                    };
                    let count = integer(&line[1..]).ok_or(ProtocolError::Count)?;
                    if count > MAX_ARGUMENTS {
                        return Err(ProtocolError::Count);
                    }
                    if count > MAX_STRANGERS_ARGUMENTS && !is_known {
                        return Err(ProtocolError::StrangersCount);
                    }
                    // No arguments, or fewer: Redis ignores such a request.
                    self.missing = usize::try_from(count).unwrap_or(0);
                }
                Some(_) => {
                    let Some(line) = self.take_line(buffer, b'\n', 1, ProtocolError::LongLine)? else {
                        return Ok(None);
                    };
                    let line = line.strip_suffix(b"\r").unwrap_or(&line);
                    let arguments = inline::split(line).ok_or(ProtocolError::Quotes)?;
                    if !arguments.is_empty() {
                        return Ok(Some(arguments));
                    }
                }
            }
        }
    }

    /// How much more than the buffer's the next argument takes, as far as is known.
    pub(crate) fn wants(&self, buffer: &BytesMut) -> usize {
        self.length.map_or(0, |length| (length + 2).saturating_sub(buffer.len()))
    }

    /// Takes one argument; false if it is not complete.
    fn take_argument(&mut self, buffer: &mut BytesMut, is_known: bool) -> Result<bool, ProtocolError> {
        let length = match self.length {
            Some(length) => length,
            None => {
                let Some(line) = self.take_line(buffer, b'\r', 2, ProtocolError::LongBulkLength)? else {
                    return Ok(false);
                };
                match line.first() {
                    Some(b'$') => {}
                    other => return Err(ProtocolError::NotABulk(other.copied().unwrap_or(b'\r'))),
                }
                let announced = integer(&line[1..]).ok_or(ProtocolError::BulkLength)?;
                let length = usize::try_from(announced).ok().filter(|length| *length <= MAX_BULK);
                let length = length.ok_or(ProtocolError::BulkLength)?;
                if announced > MAX_STRANGERS_BULK && !is_known {
                    return Err(ProtocolError::StrangersBulkLength);
                }
                *self.length.insert(length)
            }
        };
        if buffer.len() < length + 2 {
            return Ok(false);
        }
        self.arguments.push(buffer.split_to(length).freeze());
        // Like Redis, this takes for granted what the two bytes behind are.
        buffer.advance(2);
        self.length = None;
        self.missing -= 1;
        Ok(true)
    }

    /// Takes a line without its end, which begins with `end` and is so many bytes long.
    fn take_line(
        &mut self,
        buffer: &mut BytesMut,
        end: u8,
        end_length: usize,
        too_long: ProtocolError,
    ) -> Result<Option<BytesMut>, ProtocolError> {
        let found = buffer[self.searched..].iter().position(|byte| *byte == end);
        match found.map(|place| self.searched + place) {
            Some(place) if place + end_length <= buffer.len() => {
                self.searched = 0;
                let line = buffer.split_to(place);
                buffer.advance(end_length);
                Ok(Some(line))
            }
            Some(place) => {
                self.searched = place;
                Ok(None)
            }
            None if buffer.len() > MAX_LINE => Err(too_long),
            None => {
                self.searched = buffer.len();
                Ok(None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::{Bytes, BytesMut};
    use redis_protocol::resp2::decode::decode_bytes;
    use redis_protocol::resp2::types::BytesFrame;

    use super::{Decoder, ProtocolError};

    /// All requests in these bytes, arriving in pieces of this size, and what ended them.
    fn all(bytes: &[u8], piece: usize, is_known: bool) -> (Vec<Vec<Bytes>>, Option<ProtocolError>) {
        let (mut decoder, mut buffer, mut requests) = (Decoder::default(), BytesMut::new(), Vec::new());
        for piece in bytes.chunks(piece) {
            buffer.extend_from_slice(piece);
            loop {
                match decoder.next(&mut buffer, is_known) {
                    Ok(Some(request)) => requests.push(request),
                    Ok(None) => break,
                    Err(error) => return (requests, Some(error)),
                }
            }
        }
        (requests, None)
    }

    fn encode(request: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = format!("*{}\r\n", request.len()).into_bytes();
        for argument in request {
            bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
            bytes.extend_from_slice(argument);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes
    }

    quickcheck::quickcheck! {
        fn requests_are_what_the_crate_reads(requests: Vec<Vec<Vec<u8>>>, piece: usize) -> bool {
            let bytes: Vec<u8> = requests.iter().flat_map(|request| encode(request)).collect();
            let (found, error) = all(&bytes, piece % 20 + 1, true);
            let (mut rest, mut expected) = (Bytes::from(bytes), Vec::new());
            while let Ok(Some((BytesFrame::Array(items), length))) = decode_bytes(&rest) {
                let items = items.into_iter().filter_map(|item| match item {
                    BytesFrame::BulkString(bytes) => Some(bytes),
                    _ => None,
                });
                expected.push(items.collect::<Vec<_>>());
                let _ = rest.split_to(length);
            }
            expected.retain(|request| !request.is_empty());
            error.is_none() && rest.is_empty() && found == expected
        }

        fn any_bytes_in_any_pieces_give_the_same(bytes: Vec<u8>, piece: usize) -> bool {
            let alphabet: Vec<u8> = bytes.iter().map(|byte| b"*$\r\n12-a\" "[usize::from(byte % 10)]).collect();
            all(&alphabet, piece % 5 + 1, true) == all(&alphabet, usize::MAX, true)
        }
    }

    #[test]
    fn refusals_are_worded_as_redis_words_them() {
        let long = "1".repeat(70_000);
        let cases: [(&str, bool, &str); 12] = [
            ("*1\r\n:1\r\n", true, "expected '$', got ':'"),
            ("*x\r\n", true, "invalid multibulk length"),
            ("*1048577\r\n", true, "invalid multibulk length"),
            ("*11\r\n", false, "unauthenticated multibulk length"),
            ("*1\r\n$-1\r\n", true, "invalid bulk length"),
            ("*1\r\n$536870913\r\n", true, "invalid bulk length"),
            ("*1\r\n$01\r\n", true, "invalid bulk length"),
            ("*1\r\n$16385\r\n", false, "unauthenticated bulk length"),
            ("get \"a\r\n", true, "unbalanced quotes in request"),
            (&format!("*{long}"), true, "too big mbulk count string"),
            (&format!("*1\r\n${long}"), true, "too big bulk count string"),
            (&long, true, "too big inline request"),
        ];
        for (bytes, is_known, error) in cases {
            let (requests, found) = all(bytes.as_bytes(), 1_000, is_known);
            assert_eq!((requests.len(), found.map(|found| found.to_string())), (0, Some(error.to_string())));
        }
    }

    #[test]
    fn what_is_announced_is_not_allocated() {
        let mut decoder = Decoder::default();
        let mut buffer = BytesMut::from(&b"*1048576\r\n$536870912\r\nabc"[..]);
        assert_eq!(decoder.next(&mut buffer, true), Ok(None));
        assert!(decoder.arguments.capacity() < 16 && buffer.capacity() < 1_000);
    }

    #[test]
    fn empty_requests_are_ignored() {
        let (requests, error) = all(b"*0\r\n*-1\r\n\r\n  \r\nping a\r\n*1\r\n$4\r\nPING\r\n", 3, true);
        assert_eq!(error, None);
        assert_eq!(requests, [vec![Bytes::from("ping"), Bytes::from("a")], vec![Bytes::from("PING")]]);
    }
}
