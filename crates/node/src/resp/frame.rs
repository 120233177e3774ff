//! What a client is told, in either version of the protocol.
//!
//! Scalars are encoded by `redis-protocol`. Headers of aggregates are written here: that crate keeps the elements of
//! sets and maps in hash tables, and what a client sees is not to depend on a hash's order.

use std::io::Write;

use bytes::{BufMut, BytesMut};
use redis_protocol::{resp2, resp3};

/// A version of the protocol. A connection begins with the second and asks for the third by `HELLO 3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Without maps, sets and a null of its own.
    Resp2,
    /// With them.
    Resp3,
}

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A word such as `OK`.
    Simple(&'static str),
    /// An error: its code, and what it says.
    Error(String),
    /// A number.
    Integer(i64),
    /// Bytes.
    Bulk(Vec<u8>),
    /// Text for people, which the third version marks as such.
    Text(String),
    /// Nothing.
    Null,
    /// Replies in order.
    Array(Vec<Frame>),
    /// Replies without an order.
    Set(Vec<Frame>),
    /// Names and what they stand for.
    Map(Vec<(Frame, Frame)>),
}

impl Frame {
    /// `OK`.
    pub(crate) const OK: Self = Self::Simple("OK");

    /// Bytes.
    pub(crate) fn bulk(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Bulk(bytes.into())
    }

    /// Bytes, or nothing.
    pub(crate) fn bulk_or_null(bytes: Option<Vec<u8>>) -> Self {
        bytes.map_or(Self::Null, Self::Bulk)
    }

    /// How many of something.
    pub(crate) fn count(count: usize) -> Self {
        Self::Integer(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// 1 or 0.
    pub(crate) fn flag(is_true: bool) -> Self {
        Self::Integer(i64::from(is_true))
    }

    /// Appends the reply to what is to be sent.
    pub(crate) fn encode(&self, protocol: Protocol, output: &mut BytesMut) {
        match (self, protocol) {
            (Self::Array(items), _) | (Self::Set(items), Protocol::Resp2) => {
                encode_all(b'*', items.len(), items, protocol, output);
            }
            (Self::Set(items), Protocol::Resp3) => encode_all(b'~', items.len(), items, protocol, output),
            (Self::Map(pairs), _) => {
                let (kind, length) = match protocol {
                    Protocol::Resp2 => (b'*', 2 * pairs.len()),
                    Protocol::Resp3 => (b'%', pairs.len()),
                };
                let parts = pairs.iter().flat_map(|(name, value)| [name, value]);
                encode_all(kind, length, parts, protocol, output);
            }
            (_, Protocol::Resp2) => self.encode_scalar_2(output),
            (_, Protocol::Resp3) => self.encode_scalar_3(output),
        }
    }

    fn encode_scalar_2(&self, output: &mut BytesMut) {
        use resp2::types::BorrowedFrame;
        let line;
        let frame = match self {
            Self::Simple(word) => BorrowedFrame::SimpleString(word.as_bytes()),
            Self::Error(error) => {
                line = one_line(error);
                BorrowedFrame::Error(&line)
            }
            Self::Integer(number) => BorrowedFrame::Integer(*number),
            Self::Bulk(bytes) => BorrowedFrame::BulkString(bytes),
            Self::Text(text) => BorrowedFrame::BulkString(text.as_bytes()),
            Self::Null | Self::Array(_) | Self::Set(_) | Self::Map(_) => BorrowedFrame::Null,
        };
        resp2::encode::extend_encode_borrowed(output, &frame, false)
            .expect("the buffer was extended by what the frame takes");
    }

    fn encode_scalar_3(&self, output: &mut BytesMut) {
        use resp3::types::{BorrowedFrame, VerbatimStringFormat};
        let attributes = None;
        let line;
        let frame = match self {
            Self::Simple(word) => BorrowedFrame::SimpleString { data: word.as_bytes(), attributes },
            Self::Error(error) => {
                line = one_line(error);
                BorrowedFrame::SimpleError { data: &line, attributes }
            }
            Self::Integer(number) => BorrowedFrame::Number { data: *number, attributes },
            Self::Bulk(bytes) => BorrowedFrame::BlobString { data: bytes, attributes },
            Self::Text(text) => {
                let format = VerbatimStringFormat::Text;
                BorrowedFrame::VerbatimString { data: text.as_bytes(), format, attributes }
            }
            Self::Null | Self::Array(_) | Self::Set(_) | Self::Map(_) => BorrowedFrame::Null,
        };
        resp3::encode::complete::extend_encode_borrowed(output, &frame, false)
            .expect("the buffer was extended by what the frame takes");
    }
}

fn encode_all<'f>(
    kind: u8,
    length: usize,
    items: impl IntoIterator<Item = &'f Frame>,
    protocol: Protocol,
    output: &mut BytesMut,
) {
    output.put_u8(kind);
    write!(output.writer(), "{length}\r\n").expect("a buffer in memory takes what is written");
    for item in items {
        item.encode(protocol, output);
    }
}

/// An error ends with its line: what a client sent and is quoted in it must not end it before.
fn one_line(error: &str) -> String {
    error.replace(['\r', '\n'], " ")
}

#[cfg(test)]
mod tests {
    use super::{Frame, Protocol};

    fn encoded(frame: &Frame, protocol: Protocol) -> String {
        let mut output = bytes::BytesMut::new();
        frame.encode(protocol, &mut output);
        String::from_utf8(output.to_vec()).expect("these frames are text")
    }

    #[test]
    fn both_versions() {
        let cases = [
            (Frame::OK, "+OK\r\n", "+OK\r\n"),
            (Frame::Error("ERR a\r\nb".into()), "-ERR a  b\r\n", "-ERR a  b\r\n"),
            (Frame::Integer(-7), ":-7\r\n", ":-7\r\n"),
            (Frame::bulk("a\r\n"), "$3\r\na\r\n\r\n", "$3\r\na\r\n\r\n"),
            (Frame::bulk(""), "$0\r\n\r\n", "$0\r\n\r\n"),
            (Frame::Text("ab".into()), "$2\r\nab\r\n", "=6\r\ntxt:ab\r\n"),
            (Frame::Null, "$-1\r\n", "_\r\n"),
            (Frame::Array(vec![Frame::Null, Frame::Array(vec![])]), "*2\r\n$-1\r\n*0\r\n", "*2\r\n_\r\n*0\r\n"),
            (Frame::Set(vec![Frame::Integer(1)]), "*1\r\n:1\r\n", "~1\r\n:1\r\n"),
            (
                Frame::Map(vec![(Frame::bulk("k"), Frame::Integer(1))]),
                "*2\r\n$1\r\nk\r\n:1\r\n",
                "%1\r\n$1\r\nk\r\n:1\r\n",
            ),
        ];
        for (frame, second, third) in cases {
            assert_eq!(encoded(&frame, Protocol::Resp2), second);
            assert_eq!(encoded(&frame, Protocol::Resp3), third);
        }
    }
}
