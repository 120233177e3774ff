//! One client's connection: requests in, replies out, in order.
//!
//! Requests are made as soon as they are read, so that a pipeline's overlap; their replies wait in a queue and leave in
//! order. What needs more than one step, or the answer to what stands before it, waits until the queue is empty. When
//! the queue or the unsent replies are as long as allowed, nothing more is read until the client has read. How large replies
//! will be is not known before they are there: it is expected of what the last ones were, so that a client that asks for
//! large values and reads nothing fills little memory.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_util::io::poll_read_buf;

use super::arguments::is;
use super::decoder::Decoder;
use super::error::CommandError;
use super::frame::Frame;
use super::session::{Asked, Session};
use super::table::{self, Interpret, One, Outcome, Run, Steps};

/// The most requests of one connection that are on their way.
const MOST_PENDING: usize = 256;
/// The most bytes that these may take, but for one that is larger itself.
const MOST_PENDING_BYTES: usize = 16 * 1024 * 1024;
/// How large a reply is expected to be while none was seen, and how many requests are made whatever is expected.
const EXPECTED_AT_FIRST: usize = 1024 * 1024;
const ALWAYS_PENDING: usize = 4;
/// With more bytes of unsent replies, nothing further is taken in.
const MOST_UNSENT: usize = 1024 * 1024;
/// How much room a read has at the least, and at the most: an idle connection has none.
const READ_AT_LEAST: usize = 4 * 1024;
const READ_AT_MOST: usize = 64 * 1024;

/// A reply that is not sent.
enum Pending {
    Known(Frame),
    Asked { asked: Asked, interpret: Interpret, bytes: usize },
}

/// A command that waits for all before it.
enum Held {
    One(One),
    Alone(fn(&mut Session, &[Bytes]) -> Outcome, Vec<Bytes>),
    Steps(for<'s> fn(&'s mut Session, Vec<Bytes>) -> Steps<'s>, Vec<Bytes>),
}

/// A connection.
pub(crate) struct Connection {
    stream: TcpStream,
    session: Session,
    decoder: Decoder,
    input: BytesMut,
    output: BytesMut,
    pending: VecDeque<Pending>,
    pending_bytes: usize,
    /// How many bytes a reply takes: the most of the last ones.
    expected: usize,
    held: Option<Held>,
    /// Nothing more is read: the client has ended, or is to be left.
    has_ended: bool,
}

/// What comes next.
enum Next {
    Perform(Held),
    Close,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, session: Session) -> Self {
        Self {
            stream,
            session,
            decoder: Decoder::default(),
            input: BytesMut::new(),
            output: BytesMut::new(),
            pending: VecDeque::new(),
            pending_bytes: 0,
            expected: EXPECTED_AT_FIRST,
            held: None,
            has_ended: false,
        }
    }

    /// Serves the client until it leaves, or until `shutdown` says so and what was asked before is answered.
    ///
    /// The client can not be reached any more.
    pub(crate) async fn run(mut self, mut shutdown: watch::Receiver<bool>) -> io::Result<()> {
        loop {
            let may_end = !self.has_ended;
            let is_over = async {
                let _ = shutdown.wait_for(|stop| *stop).await;
            };
            let next = tokio::select! {
                next = poll_fn(|context| self.poll_next(context)) => next?,
                () = is_over, if may_end => {
                    self.has_ended = true;
                    continue;
                }
            };
            match next {
                Next::Perform(held) => self.perform(held).await?,
                Next::Close => return Ok(()),
            }
        }
    }

    /// Does whatever can be done without waiting. What is collected leaves once there is nothing else to do, so that
    /// the replies of a pipeline share their writes.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Next>> {
        loop {
            if self.collect(context) | self.dispatch() {
                continue;
            }
            if self.pending.is_empty()
                && let Some(held) = self.held.take()
            {
                return Poll::Ready(Ok(Next::Perform(held)));
            }
            let has_written = !self.output.is_empty()
                && matches!(poll_write(&mut self.stream, &mut self.output, context)?, Poll::Ready(()));
            let has_read = self.may_take() && matches!(self.poll_read(context)?, Poll::Ready(()));
            if has_written || has_read {
                continue;
            }
            if self.has_ended && self.pending.is_empty() && self.held.is_none() && self.output.is_empty() {
                return Poll::Ready(Ok(Next::Close));
            }
            self.give_back();
            return Poll::Pending;
        }
    }

    /// Takes replies from the front of the queue; whether there were any.
    fn collect(&mut self, context: &mut Context<'_>) -> bool {
        let mut has_advanced = false;
        while self.output.len() < MOST_UNSENT {
            let frame = match self.pending.pop_front() {
                None => break,
                Some(Pending::Known(frame)) => frame,
                Some(Pending::Asked { mut asked, interpret, bytes }) => {
                    let Poll::Ready(outcome) = Pin::new(&mut asked.answer).poll(context) else {
                        self.pending.push_front(Pending::Asked { asked, interpret, bytes });
                        break;
                    };
                    self.pending_bytes -= bytes;
                    in_words(self.session.settle(asked.about, outcome).and_then(interpret))
                }
            };
            let before = self.output.len();
            frame.encode(self.session.protocol, &mut self.output);
            self.expected = (self.expected - self.expected / 16).max(self.output.len() - before);
            has_advanced = true;
        }
        has_advanced
    }

    /// Whether there is room for another request.
    fn may_take(&self) -> bool {
        !self.has_ended
            && self.held.is_none()
            && self.pending.len() < MOST_PENDING
            && self.pending_bytes < MOST_PENDING_BYTES
            && (self.pending.len() < ALWAYS_PENDING || self.pending.len() * self.expected < MOST_PENDING_BYTES)
            && self.output.len() < MOST_UNSENT
    }

    /// Makes the requests that have arrived; whether there were any.
    fn dispatch(&mut self) -> bool {
        let mut has_advanced = false;
        while self.may_take() {
            match self.decoder.next(&mut self.input, self.session.is_known) {
                Ok(Some(request)) => self.begin(request),
                Ok(None) => break,
                Err(error) => {
                    self.reply(Frame::Error(format!("ERR Protocol error: {error}")));
                    self.has_ended = true;
                }
            }
            has_advanced = true;
        }
        has_advanced
    }

    fn begin(&mut self, request: Vec<Bytes>) {
        self.session.server.metrics.command();
        // A browser was made to talk to this port by a page of somebody else's: nothing of it is performed, as in Redis.
        if is(&request[0], "post") || is(&request[0], "host:") {
            self.has_ended = true;
            self.input.clear();
            return;
        }
        match self.prepare(request) {
            Ok(None) => {}
            Ok(Some(held)) => self.held = Some(held),
            Err(error) => self.reply(Frame::Error(error.to_string())),
        }
        self.has_ended |= self.session.is_leaving;
    }

    /// Makes a request, unless it has to wait.
    fn prepare(&mut self, request: Vec<Bytes>) -> Result<Option<Held>, CommandError> {
        let spec = table::find(&request)?;
        if !self.session.is_known && !spec.is_for_strangers() {
            return Err(CommandError::NoAuth);
        }
        match spec.run {
            Run::AtOnce(run) => {
                let frame = in_words(run(&mut self.session, &request));
                self.reply(frame);
                Ok(None)
            }
            Run::Alone(run) => Ok(Some(Held::Alone(run, request))),
            Run::Steps(run) => Ok(Some(Held::Steps(run, request))),
            Run::Each { width, many, .. } if request.len() > 1 + width => Ok(Some(Held::Steps(many, request))),
            Run::One(prepare) | Run::Each { one: prepare, .. } => {
                let one = prepare(&mut self.session, &request)?;
                if Session::carries_context(&one.command) && self.is_being_read(&one.key) {
                    return Ok(Some(Held::One(one)));
                }
                self.ask(one, request.iter().map(Bytes::len).sum());
                Ok(None)
            }
        }
    }

    fn is_being_read(&self, key: &[u8]) -> bool {
        self.pending.iter().any(|pending| match pending {
            Pending::Asked { asked, .. } => asked.about.is_read && asked.about.key == key,
            Pending::Known(_) => false,
        })
    }

    fn ask(&mut self, One { key, command, interpret }: One, bytes: usize) {
        let asked = self.session.ask(key, command);
        self.pending_bytes += bytes;
        self.pending.push_back(Pending::Asked { asked, interpret, bytes });
    }

    fn reply(&mut self, frame: Frame) {
        if self.pending.is_empty() {
            frame.encode(self.session.protocol, &mut self.output);
        } else {
            self.pending.push_back(Pending::Known(frame));
        }
    }

    /// Performs what waited for all before it. Their replies leave meanwhile.
    async fn perform(&mut self, held: Held) -> io::Result<()> {
        let outcome = match held {
            Held::One(one) => {
                self.ask(one, 0);
                return Ok(());
            }
            Held::Alone(run, request) => run(&mut self.session, &request),
            Held::Steps(run, request) => {
                let mut steps = run(&mut self.session, request);
                let (stream, output) = (&mut self.stream, &mut self.output);
                poll_fn(|context| {
                    if let Poll::Ready(outcome) = steps.as_mut().poll(context) {
                        return Poll::Ready(Ok::<_, io::Error>(outcome));
                    }
                    while !output.is_empty() {
                        ready!(poll_write(stream, output, context)?);
                    }
                    Poll::Pending
                })
                .await?
            }
        };
        self.reply(in_words(outcome));
        self.has_ended |= self.session.is_leaving;
        Ok(())
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Room is made only when there is something to read.
        ready!(self.stream.poll_read_ready(context))?;
        let wanted = self.decoder.wants(&self.input).max(self.input.len());
        self.input.reserve(wanted.clamp(READ_AT_LEAST, READ_AT_MOST));
        let read = ready!(poll_read_buf(Pin::new(&mut self.stream), context, &mut self.input))?;
        self.has_ended |= read == 0;
        Poll::Ready(Ok(()))
    }

    /// A connection that waits for its client keeps no buffers.
    fn give_back(&mut self) {
        if self.pending.is_empty() && self.pending.capacity() > 8 {
            self.pending = VecDeque::new();
        }
        if self.pending.is_empty() && self.input.is_empty() {
            self.input = BytesMut::new();
        }
        if self.output.is_empty() {
            self.output = BytesMut::new();
        }
    }
}

/// Writes some of the output.
fn poll_write(stream: &mut TcpStream, output: &mut BytesMut, context: &mut Context<'_>) -> Poll<io::Result<()>> {
    let written = ready!(Pin::new(stream).poll_write(context, output))?;
    if written == 0 {
        return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
    }
    output.advance(written);
    Poll::Ready(Ok(()))
}

fn in_words(outcome: Outcome) -> Frame {
    outcome.unwrap_or_else(|error| Frame::Error(error.to_string()))
}
