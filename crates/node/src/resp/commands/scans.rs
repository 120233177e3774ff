//! Commands over all keys, as this node's own replica holds them.

use bytes::Bytes;
use syncline_replicas::{Command, KeyPage, PartitionId, Value};

use super::kind;
use super::sets::ScanOptions;
use crate::resp::arguments::is;
use crate::resp::cursors::Place;
use crate::resp::error::CommandError;
use crate::resp::frame::Frame;
use crate::resp::glob;
use crate::resp::session::Session;
use crate::resp::table::Steps;

/// How many rows are looked at in one piece: the thread that does so answers nobody else meanwhile.
const PAGE: usize = 512;
/// How many pages that hold keys `RANDOMKEY` draws from.
const PAGES_TO_DRAW_FROM: usize = 4;

/// All keys of this node, page by page.
struct Pages {
    /// Where to go on; nowhere at the end.
    place: Option<Place>,
    partitions: u32,
}

impl Pages {
    fn from(place: Place, session: &Session) -> Self {
        let partitions = session.server.gateway.cluster().partitions;
        let is_there = place.partition.0 < partitions;
        Self { place: Some(place).filter(|_| is_there), partitions }
    }

    fn all(session: &Session) -> Self {
        Self::from(Place { partition: PartitionId(0), after: None }, session)
    }

    /// The next page, which may hold no key; `None` at the end.
    async fn next(&mut self, session: &Session, budget: usize) -> Result<Option<Vec<(Vec<u8>, Value)>>, CommandError> {
        let Some(Place { partition, after }) = self.place.take() else { return Ok(None) };
        let page = session.server.gateway.scan(partition, after, budget).await;
        let KeyPage { keys, next } =
            page.map_err(|refusal| CommandError::Refused { refusal, needed: 1, is_read: true })?;
        self.place = match next {
            Some(last) => Some(Place { partition, after: Some(last) }),
            None => {
                let next = PartitionId(partition.0 + 1);
                (next.0 < self.partitions).then_some(Place { partition: next, after: None })
            }
        };
        Ok(Some(keys))
    }
}

pub(crate) fn keys(session: &mut Session, request: Vec<Bytes>) -> Steps<'_> {
    Box::pin(async move {
        let mut found = Vec::new();
        let mut pages = Pages::all(session);
        while let Some(page) = pages.next(session, PAGE).await? {
            let names = page.into_iter().map(|(key, _)| key);
            found.extend(names.filter(|key| glob::matches(&request[1], key)).map(Frame::Bulk));
        }
        Ok(Frame::Array(found))
    })
}

pub(crate) fn dbsize(session: &mut Session, _: Vec<Bytes>) -> Steps<'_> {
    Box::pin(async move {
        let mut count = 0;
        let mut pages = Pages::all(session);
        while let Some(page) = pages.next(session, PAGE).await? {
            count += page.len();
        }
        Ok(Frame::count(count))
    })
}

/// Draws from some pages of a partition that is drawn first: any key can be drawn, not all equally likely.
pub(crate) fn randomkey(session: &mut Session, _: Vec<Bytes>) -> Steps<'_> {
    Box::pin(async move {
        let partitions = session.server.gateway.cluster().partitions;
        let first = session.random.u32(0..partitions.max(1));
        let (mut drawn, mut seen, mut pages_left) = (None, 0_usize, PAGES_TO_DRAW_FROM);
        for partition in (first..partitions).chain(0..first) {
            let mut pages = Pages::from(Place { partition: PartitionId(partition), after: None }, session);
            pages.partitions = partition + 1;
            while pages_left > 0
                && let Some(page) = pages.next(session, PAGE).await?
            {
                pages_left -= usize::from(!page.is_empty());
                for (key, _) in page {
                    seen += 1;
                    if session.random.usize(0..seen) == 0 {
                        drawn = Some(key);
                    }
                }
            }
            if drawn.is_some() {
                break;
            }
        }
        Ok(Frame::bulk_or_null(drawn))
    })
}

pub(crate) fn scan(session: &mut Session, request: Vec<Bytes>) -> Steps<'_> {
    Box::pin(async move {
        let mut options = ScanOptions::from_cursor(&request[1])?;
        options.take(&request[2..], true)?;
        let place = session.server.cursors().find(options.cursor).ok_or(CommandError::Cursor)?;
        let mut pages = Pages::from(place, session);
        let (mut found, mut left) = (Vec::new(), options.count);
        while left > 0
            && let Some(page) = pages.next(session, left.min(PAGE)).await?
        {
            // Of what was looked at and held nothing, something counts too, so that this ends.
            left = left.saturating_sub(page.len().max(1));
            let meant = page.into_iter().filter(|(key, value)| {
                options.kind.as_deref().is_none_or(|wanted| kind(value) == wanted) && options.matches(key)
            });
            found.extend(meant.map(|(key, _)| Frame::Bulk(key)));
        }
        let cursor = pages.place.map_or(0, |place| session.server.cursors().keep(place));
        Ok(Frame::Array(vec![Frame::bulk(cursor.to_string()), Frame::Array(found)]))
    })
}

/// Deletes every key that this node holds, one by one: each is a removal like any other, which the other replicas get.
pub(crate) fn flushall(session: &mut Session, request: Vec<Bytes>) -> Steps<'_> {
    Box::pin(async move {
        match &request[1..] {
            [] => {}
            [mode] if is(mode, "ASYNC") || is(mode, "SYNC") => {}
            _ => return Err(CommandError::Syntax),
        }
        let mut pages = Pages::all(session);
        while let Some(page) = pages.next(session, PAGE).await? {
            let removals = page.into_iter().map(|(key, _)| (key, Command::Delete { previous: false }));
            session.call_all(removals, |_| Ok(())).await?;
        }
        Ok(Frame::OK)
    })
}
